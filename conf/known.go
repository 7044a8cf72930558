package conf

import (
	"bytes"
	"maps"
	"net/netip"
	"reflect"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/vipd/vipd/healthcheck"
)

// Known remembers what the virtual servers of the last configuration became, by
// their text: a load that finds the same text neither parses nor builds it
// again. A director can have thousands of them, and a reload is mostly about
// one. A load gives the same with it and without. The zero value knows nothing.
// It serves one load at a time.
type Known struct {
	// What the meaning of a text depends on: what expressions may refer to, and
	// the checks of the top level.
	variables map[string]cty.Value
	checks    map[string]healthcheck.Check
	servers   map[string]*knownServer // by text
}

// knownServer is one virtual server of which there is nothing to say.
type knownServer struct {
	service Service
	checks  []string // of the top level that it uses
}

// reuse is what one load takes from the one before, and leaves to the next. A
// nil one does neither.
type reuse struct {
	from  *Known
	next  Known
	texts map[place]string       // of blocks that stand alone in theirs
	known map[place]*knownServer // those of which nothing but the place was read
	// stale is set when what was taken for known means something else now.
	stale bool
	// asked counts the questions to the world outside of the files: what
	// depends on an answer is not remembered.
	asked int
}

func newReuse(from *Known) *reuse {
	return &reuse{
		from: from, next: Known{servers: make(map[string]*knownServer, len(from.servers))},
		texts: map[place]string{}, known: map[place]*knownServer{},
	}
}

// watch returns options that count what is asked.
func (u *reuse) watch(o Options) Options {
	env, resolve, program, account := o.Env, o.Resolve, o.Program, o.Account
	o.Env = func(name string) (string, bool) {
		u.asked++
		return env(name)
	}
	if resolve != nil {
		o.Resolve = func(host string) ([]netip.Addr, error) {
			u.asked++
			return resolve(host)
		}
	}
	o.Program = func(path string) error {
		u.asked++
		return program(path)
	}
	o.Account = func(name string) bool {
		u.asked++
		return account(name)
	}
	return o
}

// placeOf is where a range begins.
func placeOf(r hcl.Range) place { return place{r.Filename, r.Start.Byte} }

// parse parses what ends like a block, if that is reasonable by itself; a text
// that is known is left out and leaves the place of its virtual server. It
// returns nil when the piece is to be looked for in another way.
func (u *reuse) parse(p *pieces) *hclsyntax.Body {
	if u == nil {
		return nil
	}
	end := bytes.Index(p.text[:min(p.most, len(p.text))], blockEnd)
	if end < 0 {
		return nil
	}
	text, at := p.text[:end+len(blockEnd)], hcl.Range{Filename: p.name, Start: p.at, End: p.at}
	if s := u.from.servers[string(text)]; s != nil {
		u.known[placeOf(at)], u.texts[placeOf(at)] = s, string(text)
		p.skip(len(text))
		return &hclsyntax.Body{SrcRange: at, EndRange: at, Blocks: hclsyntax.Blocks{{
			Type: serverBlock.name, Labels: []string{s.service.Name}, Body: &hclsyntax.Body{},
			TypeRange: at, LabelRanges: []hcl.Range{at}, OpenBraceRange: at, CloseBraceRange: at,
		}}}
	}
	body := p.parseTo(len(text))
	if body != nil && len(body.Blocks) == 1 && len(body.Attributes) == 0 && body.Blocks[0].Type == serverBlock.name {
		u.texts[placeOf(body.Blocks[0].TypeRange)] = string(text)
	}
	return body
}

// textAt returns the text of the virtual server whose block begins there, empty
// when it shares its text with others, and what it is known to become, if that
// is so.
func (u *reuse) textAt(begin hcl.Range) (string, *knownServer) {
	if u == nil {
		return "", nil
	}
	return u.texts[placeOf(begin)], u.known[placeOf(begin)]
}

// scope says what expressions may refer to.
func (u *reuse) scope(variables map[string]cty.Value) {
	if u == nil {
		return
	}
	u.next.variables = maps.Clone(variables)
	u.expect(maps.EqualFunc(u.from.variables, variables, cty.Value.RawEquals))
}

// topChecks says what the checks of the top level are.
func (u *reuse) topChecks(named map[string]healthcheck.Check) {
	if u == nil {
		return
	}
	u.next.checks = named
	u.expect(len(u.from.checks) == 0 && len(named) == 0 || reflect.DeepEqual(u.from.checks, named))
}

func (u *reuse) expect(same bool) { u.stale = u.stale || !same && len(u.known) > 0 }

// settle reports whether what was taken for known means what it did; then it
// leaves what this load found out to the next one. A load with an error says
// where things are, which takes them all.
func (u *reuse) settle(r *report) bool {
	switch {
	case u == nil:
		return true
	case u.stale || r.errors > 0 && len(u.known) > 0:
		return false
	case r.errors == 0 && !r.full():
		*u.from = u.next
	}
	return true
}

// noise grows with everything that is said, and asked, about what is built.
func (b *decoder) noise() int {
	n := len(b.diags) + b.errors
	if b.reuse != nil {
		n += b.reuse.asked
	}
	return n
}
