package keepalived

import (
	"strings"

	"github.com/vipd/vipd/conf"
)

// Status says what vipd makes of a keyword.
type Status string

// What vipd makes of a keyword.
const (
	Supported Status = "supported" // same effect
	Accepted  Status = "accepted"  // no effect here, none is needed
	Rejected  Status = "rejected"  // the configuration cannot be used with it
)

// keyword is one word of the language, in the block where it may stand.
type keyword struct {
	name   string
	status Status
	why    string // accepted and rejected: the reason; supported: a remark, or ""
	apply  func(*reader, *statement)
	after  func(*reader) // at the end of the block
	kids   []*keyword    // nil: the keyword has no block, or one of free form
	free   []*keyword    // words of a block of free form, which apply reads
	gone   bool          // keepalived remarks on it
	named  bool          // a block with a name that others refer to
}

// does is a keyword with the effect that it has in keepalived.
func does(name string, apply func(*reader, *statement)) *keyword {
	return &keyword{name: name, status: Supported, apply: apply}
}

// without is a keyword that needs no effect here.
func without(why string, names ...string) []*keyword { return all(Accepted, why, names) }

// dropped are keywords without effect that keepalived had once.
func dropped(why string, names ...string) []*keyword {
	out := without(why, names...)
	for _, k := range out {
		k.gone = true
	}
	return out
}

// refused are keywords without which the configuration means something else.
func refused(why string, names ...string) []*keyword { return all(Rejected, why, names) }

func all(status Status, why string, names []string) []*keyword {
	var out []*keyword
	for _, n := range names {
		out = append(out, &keyword{name: n, status: status, why: why})
	}
	return out
}

// block is a keyword with a block of keywords.
func block(name string, open func(*reader, *statement), after func(*reader), kids ...[]*keyword) *keyword {
	k := &keyword{name: name, status: Supported, apply: open, after: after, kids: []*keyword{}}
	for _, some := range kids {
		k.kids = append(k.kids, some...)
	}
	return k
}

// called is a block with a name.
func (k *keyword) called() *keyword {
	k.named = true
	return k
}

// free is a keyword with a block that holds a list.
func free(name string, apply func(*reader, *statement), words ...[]*keyword) *keyword {
	k := does(name, apply)
	k.free = []*keyword{}
	for _, some := range words {
		k.free = append(k.free, some...)
	}
	return k
}

// note adds a remark.
func (k *keyword) note(why string) *keyword {
	k.why = why
	return k
}

// many makes a list of keywords.
func many(k ...*keyword) []*keyword { return k }

// Keyword is a row of the table of keywords.
type Keyword struct {
	Path   string // "vrrp_instance/priority"
	Status Status
	Why    string
}

// Keywords returns every keyword that is known, in the order of the
// documentation.
func Keywords() []Keyword { return rows("", root, nil) }

func rows(prefix string, list []*keyword, out []Keyword) []Keyword {
	for _, k := range list {
		path := prefix + k.name
		out = append(out, Keyword{Path: path, Status: k.status, Why: k.why})
		out = rows(path+"/", k.kids, out)
		out = rows(path+"/", k.free, out)
	}
	return out
}

// walk applies the statements of a block.
func (r *reader) walk(list []*statement, known []*keyword, in *statement) {
	for _, s := range list {
		k := find(known, s.name())
		if k == nil {
			r.unknown(s, known, in)
			continue
		}
		if in != nil && in.name() == "vrrp_instance" {
			r.inst.words[k.name] = s.where(0)
		}
		r.one(s, k)
	}
}

func find(known []*keyword, name string) *keyword {
	for _, k := range known {
		if k.name == name {
			return k
		}
	}
	return nil
}

// one applies a statement.
func (r *reader) one(s *statement, k *keyword) {
	switch k.status {
	case Accepted:
		if k.apply != nil { // looks at the value
			k.apply(r, s)
		}
		say := r.notef
		if k.gone {
			say = r.warnf
		}
		say(s.where(0), "no_effect", "", "%s has no effect: %s", k.name, k.why)
		return
	case Rejected:
		r.errorf(s.where(0), "not_supported", "", "%s is not supported: %s", k.name, k.why)
		return
	}
	if k.apply != nil {
		k.apply(r, s)
	}
	if k.named && len(s.words) > 1 && !conf.ValidName(s.arg(1)) {
		r.notef(s.where(1), "bad_name", "another name, before vipd migrate", "vipd's own language has no name such as %q", s.arg(1))
	}
	switch {
	case k.kids != nil:
		if !s.block && k.apply == nil { // keepalived does not mind
			r.notef(s.where(0), "missing_block", "", "%s has no block", k.name)
		} else if !s.block {
			r.warnf(s.where(0), "missing_block", "", "%s has no block", k.name)
		}
		r.walk(s.kids, k.kids, s)
	case k.free != nil && !s.block && len(s.words) > 1:
		r.warnf(s.where(1), "missing_block", "", "%s has no block; what stands beside it is ignored", k.name)
	case k.free != nil && !s.block: // keepalived does not mind
		r.notef(s.where(0), "missing_block", "", "%s has no block", k.name)
	case k.free == nil && s.block:
		r.warnf(s.where(0), "unexpected_block", "", "%s does not take a block; what is in it is ignored", k.name)
	}
	if k.after != nil {
		k.after(r)
	}
}

// unknown reports a keyword that is not known where it stands. keepalived
// ignores it, and so do we, unless the word shows that a } is missing: then
// everything that follows would be ignored with it.
func (r *reader) unknown(s *statement, known []*keyword, in *statement) {
	if top := find(root, s.name()); in != nil && top != nil && s.block && top.status == Supported {
		r.errorf(s.where(0), "missing_brace", "a } is missing before this line",
			"%s stands inside the block of %s that begins at %s", s.name(), in.name(), in.at)
		return
	}
	var names []string
	for _, k := range known {
		names = append(names, k.name)
	}
	hint := ""
	if n := conf.Nearest(s.name(), names); n != "" {
		hint = "did you mean " + n + "?"
	} else if places := elsewhere(s.name()); len(places) > 0 {
		hint = s.name() + " belongs in " + strings.Join(places, " or ")
	}
	where := "at top level"
	if in != nil {
		where = "in " + in.name()
	}
	r.warnf(s.where(0), "unknown_keyword", hint, "unknown keyword %s %s; it is ignored, as keepalived does", s.name(), where)
}

// elsewhere lists the blocks that know a keyword.
func elsewhere(name string) []string {
	var out []string
	for _, k := range Keywords() {
		if block, found := strings.CutSuffix(k.Path, "/"+name); found && len(out) < 3 {
			out = append(out, block)
		}
	}
	return out
}
