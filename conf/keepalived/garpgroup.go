package keepalived

import (
	"fmt"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// garpGroup is a garp_group: interfaces with an interval of their own, all of
// them together or, if there is only one, by itself.
type garpGroup struct {
	interval, naInterval *time.Duration
	interfaces           []string
}

func garpGroupBlock() *keyword {
	of := func(pick func(*garpGroup) **time.Duration) func(*reader, *statement) {
		return between(time.Microsecond, longest, func(r *reader) **time.Duration { return pick(r.garpGroups[len(r.garpGroups)-1]) })
	}
	return block("garp_group", func(r *reader, _ *statement) { r.garpGroups = append(r.garpGroups, &garpGroup{}) }, nil, many(
		does("garp_interval", of(func(g *garpGroup) **time.Duration { return &g.interval })),
		does("gna_interval", of(func(g *garpGroup) **time.Duration { return &g.naInterval })),
		does("interface", func(r *reader, s *statement) {
			if name, ok := r.value(s, 1); ok {
				r.joinGARP(name, s.where(1))
			}
		}),
		free("interfaces", func(r *reader, s *statement) {
			for _, line := range s.kids {
				for i, w := range line.words {
					r.joinGARP(w.text, line.where(i))
				}
			}
		}),
	))
}

// joinGARP adds an interface to the open garp_group.
func (r *reader) joinGARP(name string, at place) {
	r.needs(name, at)
	g := r.garpGroups[len(r.garpGroups)-1]
	g.interfaces = append(g.interfaces, name)
}

// paced sets the interval of the garp_group that has the instance's interface,
// in place of the global one.
func (r *reader) paced(c *vrrp.Config) {
	for n, g := range r.garpGroups {
		for _, name := range g.interfaces {
			if name != c.ID.Interface {
				continue
			}
			set, kind := g.interval, "garp"
			if c.ID.Family == vrrp.IPv6 {
				set, kind = g.naInterval, "gna"
			}
			c.Announce.Interval, c.Announce.Pace = or(set, 0), ""
			if len(g.interfaces) > 1 && c.Announce.Interval > 0 {
				c.Announce.Pace = fmt.Sprintf("%s%d", kind, n+1)
			}
		}
	}
}
