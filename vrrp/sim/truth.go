package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vipd/vipd/vrrp"
)

// checkExplained is invariant 6: once after each time to settle, what is said
// about a router is compared with the facts of the world, which the engine does
// not see. Without a master everybody must be in fault.
func (c *checker) checkExplained(g *group, side int, master *member) {
	if done, ok := g.explained[side]; ok && done == c.disturbed {
		return
	}
	g.explained[side] = c.disturbed
	for i := range g.members {
		m := &g.members[i]
		if m.node.side != side || !m.node.awake() || m.node.ending {
			continue
		}
		if have, want := m.priority(), m.sum(); have != want {
			c.violate("priority", "%s has priority %d in %q, the sum is %d", m.node.name, have, g.id, want)
		}
		causes := m.causes(master)
		why := m.explained()
		if !slices.ContainsFunc(causes, func(cause string) bool { return strings.Contains(why, cause) }) {
			c.violate("explain", "%s says about %s %q, the cause is one of %q", m.node.name, g.id, why, causes)
		}
	}
}

// explained returns what the member's daemon says about its state.
func (m *member) explained() string {
	for _, s := range m.node.engine.Status() {
		if s.Interface == m.config.ID.Interface && s.Family == m.config.ID.Family.String() && s.VRID == m.config.ID.VRID {
			return vrrp.Explain(&s, m.node.clock.local(m.node.world.now)).Why
		}
	}
	return ""
}

// causes are the true ones of the state of a member beside a master, or where
// there is none.
func (m *member) causes(master *member) []string {
	if m == master {
		return m.node.risen(m.config.ID)
	}
	if obstacles := m.obstacles(); len(obstacles) > 0 || master == nil {
		return obstacles
	}
	if slices.ContainsFunc(m.node.orders, func(o vrrp.Standby) bool { return o.ID == m.config.ID }) {
		return []string{"backup because an operator put it on standby"}
	}
	own, other := m.priority(), master.priority()
	link := master.node.link(master.config.ID.Interface)
	from := link.Primary
	if master.config.ID.Family == vrrp.IPv6 {
		from = link.LinkLocal
	}
	if source := master.config.Delivery.Source; source.IsValid() {
		from = source
	}
	text := fmt.Sprintf("backup because %s is master ", from)
	switch {
	case other > own:
		text += fmt.Sprintf("with priority %d > %d", other, own)
	case other == own:
		text += fmt.Sprintf("with the same priority %d", own)
	case !m.config.Preempt:
		text += fmt.Sprintf("and preemption is off, although %d < %d", other, own)
	default:
		text = fmt.Sprintf("backup because it waits with preempting %s (%d < %d)", from, other, own)
	}
	if other < own && len(m.siblings()) > 0 {
		return []string{text, "backup because the other members of group"}
	}
	return []string{text}
}

// obstacles are the true causes of a fault, none for a member that can run.
func (m *member) obstacles() (all []string) {
	own := m.config
	configs := m.siblings()
	if len(configs) == 0 {
		configs = []*vrrp.Config{own}
	}
	for _, c := range configs {
		forced := func(o vrrp.Standby) bool { return o.ID == c.ID && o.Force }
		switch unusable := !m.node.usable(c.ID.Interface); {
		case unusable && c.ID == own.ID:
			all = append(all, "fault because its interface is down")
		case unusable:
			all = append(all, "fault because another member of its group made it so")
		case slices.ContainsFunc(m.node.orders, forced):
			all = append(all, "fault because an operator put it on standby")
		}
		for _, o := range c.Options {
			if l := m.node.links[o.Interface]; o.Interface != "" && !o.Untracked && l != nil && !l.Up {
				all = append(all, "fault because something it depends on is down (interface "+o.Interface)
			}
		}
	}
	for _, t := range m.tracks() {
		if m.node.faulty(t) {
			all = append(all, "fault because something it depends on is down ("+t.ID.String())
		}
	}
	return all
}
