package keepalived

import (
	"path"
	"strconv"
	"strings"
)

// iproute are the directories where iproute2 keeps its names for numbers. What
// the first one has counts before what the second has.
type iproute struct {
	etc, usr *string
	known    map[string]map[string]uint32 // by file, then by name
}

// Where iproute2 has them unless somebody says otherwise.
const (
	usualEtc = "/etc/iproute2"
	usualUsr = "/usr/share/iproute2"
)

// Files of names.
const (
	tableNames    = "rt_tables"
	protocolNames = "rt_protos"
	scopeNames    = "rt_scopes"
	realmNames    = "rt_realms"
	tosNames      = "rt_dsfield"
	groupNames    = "group"
)

// named looks a name up in a file of names.
func (r *reader) named(file, name string) (uint32, bool) {
	n := &r.global.names
	all, read := n.known[file]
	if !read {
		all = map[string]uint32{}
		for _, dir := range []string{or(n.usr, usualUsr), or(n.etc, usualEtc)} {
			r.readNames(path.Join(dir, file), all)
			more, _ := r.opts.Glob(path.Join(dir, file+".d", "*.conf")) // the pattern is well-formed, unless the directory's name is odd
			for _, name := range more {
				r.readNames(name, all)
			}
		}
		if n.known == nil {
			n.known = map[string]map[string]uint32{}
		}
		n.known[file] = all
	}
	v, ok := all[name]
	return v, ok
}

// readNames adds the lines "NUMBER NAME" of a file. One that is not there has
// none.
func (r *reader) readNames(name string, to map[string]uint32) {
	text, err := r.opts.Read(name)
	if err != nil {
		return
	}
	for l := range strings.Lines(string(text)) {
		l, _, _ = strings.Cut(l, "#")
		words := strings.Fields(l)
		if len(words) < 2 {
			continue
		}
		if v, err := strconv.ParseUint(words[0], 0, 32); err == nil {
			to[words[1]] = uint32(v)
		}
	}
}

// directory is the keyword of one of the directories; what was read before is
// read again.
func directory(to func(*iproute) **string) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		text(func(r *reader) **string { return to(&r.global.names) })(r, s)
		r.global.names.known = nil
	}
}
