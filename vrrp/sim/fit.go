package sim

import (
	"slices"

	"github.com/vipd/vipd/vrrp"
)

// checkFit is invariant 4 for the members on one side.
func (c *checker) checkFit(g *group, side int) {
	for i := range g.members {
		m := &g.members[i]
		if m.node.side != side || !m.node.awake() || m.node.ending {
			continue
		}
		state := m.state()
		running := state == vrrp.StateBackup || state == vrrp.StateMaster
		if fit := m.fit(); fit != running {
			c.violate("fit", "%s is %s in %s, fit to run: %v", m.node.name, state, g.id, fit)
		}
	}
}

// fit reports whether nothing keeps the member, or another one of its sync
// group, from running: interface, operator or something tracked. It follows
// from the world alone, whatever the engine says.
func (m *member) fit() bool {
	all := m.siblings()
	if len(all) == 0 {
		all = []*vrrp.Config{m.config}
	}
	for _, c := range all {
		forced := func(o vrrp.Standby) bool { return o.ID == c.ID && o.Force }
		if !m.node.usable(c.ID.Interface) || slices.ContainsFunc(m.node.orders, forced) || m.node.stranded(c) {
			return false
		}
	}
	return !slices.ContainsFunc(m.tracks(), m.node.faulty)
}

// stranded reports whether an interface is down that carries addresses of the
// router beside its own, and counts.
func (n *node) stranded(c *vrrp.Config) bool {
	for _, o := range c.Options {
		if o.Interface == "" || o.Untracked {
			continue
		}
		if l := n.link(o.Interface); !l.Exists || !l.Up {
			return true
		}
	}
	return false
}

// faulty reports whether the state of a tracked thing is a fault.
func (n *node) faulty(t vrrp.Track) bool {
	if t.Weight != 0 && t.ID.Kind != vrrp.TrackFile {
		return false
	}
	o, told := n.observed[t.ID]
	switch {
	case t.ID.Kind == vrrp.TrackInterface:
		l := n.link(t.ID.Name)
		return (l.Exists && l.Up) == t.Reverse
	case t.ID.Kind == vrrp.TrackFile:
		return n.faultyFile(t, o)
	case told && o.State == vrrp.TrackDown:
		return !t.Reverse
	}
	return t.Reverse
}

// faultyFile is faulty for a file: a number that no priority can absorb, or
// with weight 0 any but 0.
func (n *node) faultyFile(t vrrp.Track, o vrrp.Observed) bool {
	weight := t.Weight
	if t.Reverse {
		weight = -weight
	}
	switch {
	case o.State == vrrp.TrackDown:
		return weight == 0
	case weight == 0:
		return (o.Value != 0) != t.Reverse
	}
	return o.Value*weight <= -254
}
