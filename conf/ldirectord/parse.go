package ldirectord

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vipd/vipd/conf"
)

// setting is one directive as written.
type setting struct {
	text string
	at   conf.Origin
}

// block is a virtual server with its directives, or the global ones.
type block struct {
	setting      // address of the virtual server
	six     bool // virtual6
	set     map[string]setting
	reals   []setting
	real6   []bool // of each, whether it is a real6
	// executes are further configurations, of the global directives.
	executes []setting
}

func newBlock(at conf.Origin) *block {
	return &block{setting: setting{at: at}, set: map[string]setting{}}
}

// text returns a directive's value, "" when it is not set.
func (b *block) text(key string) string { return b.set[key].text }

// number returns a numeric directive, 0 when it is not set.
func (b *block) number(key string) int {
	n, _ := strconv.Atoi(b.set[key].text)
	return n
}

func (b *block) has(key string) bool {
	_, ok := b.set[key]
	return ok
}

// at returns where a directive stands, or the block when it is not set.
func (b *block) where(key string) conf.Origin {
	if s, ok := b.set[key]; ok {
		return s.at
	}
	return b.at
}

// first returns the first of two blocks that sets a directive.
func first(key string, blocks ...*block) *block {
	for _, b := range blocks {
		if b.has(key) {
			return b
		}
	}
	return blocks[len(blocks)-1]
}

// least is how far the directives of a virtual server are indented, at least.
const least = 4

var assignment = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*)$`)

// parser splits one file.
type parser struct {
	*report
	all   *block // global directives
	out   []*block
	open  *block // virtual server whose directives may follow
	ended *block // virtual server that a blank line has ended
}

// parse splits a file into global directives, which it adds to all, and
// virtual servers.
func (r *report) parse(name, text string, all *block) []*block {
	p := &parser{report: r, all: all}
	for i, line := range strings.Split(text, "\n") {
		p.line(conf.Origin{File: name, Line: i + 1}, strings.TrimRight(strings.ReplaceAll(line, "\t", "    "), " \r"))
	}
	return p.out
}

func (p *parser) line(at conf.Origin, line string) {
	body := strings.TrimLeft(line, " ")
	indent := len(line) - len(body)
	switch {
	case strings.HasPrefix(body, "#"):
	case body == "":
		if p.open != nil {
			p.open, p.ended = nil, p.open
		}
	case indent == 0:
		p.column1(at, body)
	case p.open != nil && indent >= least:
		if body, ok := p.uncomment(at, body); ok {
			p.directive(at, body, p.open)
		}
	case p.open != nil:
		p.errorf("indentation", at, "indent it by a tab or at least four spaces",
			"the line is indented by %d columns: directives of a virtual server need %d", indent, least)
	case p.ended != nil:
		p.errorf("blank_line", at, "remove the blank line",
			"a blank line ended the virtual server of line %d, so this line belongs to nothing", p.ended.at.Line)
	default:
		p.errorf("indentation", at, "begin in the first column", "the line is indented but belongs to no virtual server")
	}
}

// uncomment removes a comment behind a directive. ldirectord takes every "#"
// for its begin, even one in quotes.
func (p *parser) uncomment(at conf.Origin, body string) (string, bool) {
	before, _, found := strings.Cut(body, "#")
	cut := found && strings.Count(before, `"`)%2 == 1
	if cut {
		p.errorf("hash_in_quotes", at, `write a pattern that matches it, for example "." or "\x23"`,
			`"#" begins a comment even within quotes, so the value would be cut off`)
	}
	return strings.TrimRight(before, " "), !cut
}

// column1 reads a line that is not indented: a virtual server or a global
// directive.
func (p *parser) column1(at conf.Origin, body string) {
	m := assignment.FindStringSubmatch(body)
	fresh := p.open != nil && len(p.open.set) == 0 && len(p.open.reals) == 0
	switch {
	case m != nil && (m[1] == "virtual" || m[1] == "virtual6"):
		p.open = newBlock(at)
		p.open.setting.text, p.open.six = m[2], m[1] == "virtual6"
		p.out = append(p.out, p.open)
		p.ended = nil
		return
	case m != nil && fresh && (directives[m[1]].virtual || isReal(m[1])):
		p.errorf("indentation", at, "indent it by a tab or at least four spaces",
			"%s follows virtual in the first column: it would be read as a global directive, not as one of the virtual server", m[1])
		return
	}
	p.open, p.ended = nil, nil
	if body == "supervised" {
		p.warnf("bare_word", at, "supervised = yes", "supervised without a value means yes")
		body = "supervised=yes"
	}
	if value, _, found := strings.Cut(body, " #"); found && m != nil {
		p.errorf("trailing_comment", at, "put the comment on a line of its own",
			"a global directive cannot have a comment behind it")
		body = strings.TrimRight(value, " ")
	}
	p.directive(at, body, p.all)
}

func isReal(key string) bool { return key == "real" || key == "real6" }

// directive reads "key = value" into a block.
func (p *parser) directive(at conf.Origin, body string, b *block) {
	m := assignment.FindStringSubmatch(body)
	if m == nil {
		p.errorf("syntax", at, "", "%q is not of the form key=value", body)
		return
	}
	key, text := m[1], m[2]
	d, known := directives[key]
	switch {
	case isReal(key) && b != p.all:
		b.reals, b.real6 = append(b.reals, setting{text, at}), append(b.real6, key == "real6")
		return
	case b == p.all && known && !d.global, isReal(key):
		p.errorf("indentation", at, "indent it below its virtual server", "%s is a directive of a virtual server and cannot stand in the first column", key)
		return
	case b != p.all && known && !d.virtual:
		p.errorf("global_only", at, "put it above the first virtual server, in the first column", "%s is a global directive", key)
		return
	case !known:
		p.errorf("unknown_key", at, didYouMean(key), "unknown directive %q", key)
		return
	}
	value, why, remark := d.form.value(key, text)
	if why != "" {
		p.errorf("bad_value", at, "", "%s %s: %s", key, text, why)
		return
	}
	if remark != "" {
		p.warnf("odd_number", at, "write the number alone", "%s = %s %s", key, text, remark)
	}
	if key == "execute" {
		b.executes = append(b.executes, setting{value, at})
		return
	}
	if prev, again := b.set[key]; again {
		p.warnf("set_twice", at, "", "%s is set twice; this one counts, not that of line %d", key, prev.at.Line)
	}
	b.set[key] = setting{value, at}
}

// didYouMean names the keyword nearest to a text.
func didYouMean(key string) string {
	known := []string{"virtual", "virtual6", "real", "real6"}
	for k := range directives {
		known = append(known, k)
	}
	slices.Sort(known)
	if near := conf.Nearest(key, known); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	return ""
}
