package keepalived

import (
	"slices"
	"strings"

	"github.com/vipd/vipd/conf"
)

// account reads "USER [GROUP]", who runs programs.
func account(to field[string]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if _, ok := r.value(s, 1); !ok {
			return
		}
		user := accountOf(s, 1)
		if !r.opts.Account(user) {
			r.warnf(s.where(1), "unknown_user", "", "this machine has no user %s: the programs that it is for are not run, as in keepalived", user)
		}
		*to(r) = &user
	}
}

// accountOf joins a user and the group after it, if there is one.
func accountOf(s *statement, i int) string {
	user := s.arg(i)
	if group := strings.TrimPrefix(s.arg(i+1), ":"); group != "" {
		user += ":" + group
	}
	return user
}

// link is an interface that something needs.
type link struct {
	name string
	at   place
}

// needs notes an interface that is looked for when everything is read.
func (r *reader) needs(name string, at place) { r.links = append(r.links, link{name, at}) }

// missingLinks remarks on interfaces that this machine lacks. Those of virtual
// routers are made.
func (r *reader) missingLinks() {
	if r.opts.Interfaces == nil {
		return
	}
	have := r.opts.Interfaces(or(r.global.namespace, ""))
	say := r.warnf
	if r.lateLinks {
		say = r.notef
	}
	for _, l := range r.links {
		if len(have) == 0 || l.name == "" || conf.BadInterface(l.name) != "" || r.vmacs[l.name] || slices.Contains(have, l.name) {
			continue
		}
		hint := ""
		if n := conf.Nearest(l.name, have); n != "" {
			hint = "did you mean " + n + "?"
		}
		say(l.at, "no_interface", hint, "there is no interface %s; what needs it waits until there is", l.name)
	}
}
