package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// group is one virtual router as the whole world knows it: all routers with
// the same identity that understand each other.
type group struct {
	id      vrrp.RouterID
	members []member
	lacking map[int]time.Duration // by side: since when it has no master although it could
	// down is how long nobody may be master, settled how long after a command
	// the group may take to have the best one: as of the last check.
	down, settled time.Duration
}

// member is one node's part in a group.
type member struct {
	node   *node
	config *vrrp.Config
}

// state returns the member's state as its engine last told.
func (m *member) state() vrrp.State { return m.node.states[m.config.ID] }

// able reports whether the member can serve: its daemon runs, its interface
// carries packets.
func (m *member) able() bool {
	if !m.node.awake() || !m.node.usable(m.config.ID.Interface) {
		return false
	}
	s := m.state()
	return s == vrrp.StateBackup || s == vrrp.StateMaster
}

// priority returns the effective priority.
func (m *member) priority() uint8 { return m.node.engine.Priority(m.config.ID) }

// lowest returns the lower one of the configured and the effective priority.
func (m *member) lowest() uint8 {
	if m.node.engine == nil {
		return m.config.Priority
	}
	return min(m.config.Priority, max(1, m.priority()))
}

// grouped reports whether the member is in a sync group.
func (m *member) grouped() bool {
	return slices.ContainsFunc(m.node.groups, func(g vrrp.Group) bool { return slices.Contains(g.Members, m.config.ID) })
}

// held reports whether the member may not preempt yet.
func (m *member) held() bool {
	for _, s := range m.node.engine.Status() {
		if s.Name == m.config.Name {
			return s.PreemptHeld
		}
	}
	return false
}

// regroup finds the groups anew after configurations changed.
func (c *checker) regroup() {
	old := c.groups
	c.groups = nil
	for _, n := range c.world.nodes {
		routers := n.running
		if n.engine == nil {
			routers = n.routers
		}
		for i := range routers {
			c.join(member{n, &routers[i]})
		}
	}
	for _, g := range c.groups {
		for _, o := range old {
			if o.id == g.id {
				maps.Copy(g.lacking, o.lacking)
			}
		}
	}
	c.disturb()
}

// join puts a member into the first group that understands it.
func (c *checker) join(m member) {
	for _, g := range c.groups {
		if g.id == m.config.ID && slices.ContainsFunc(g.members, m.understands) {
			g.members = append(g.members, m)
			return
		}
	}
	c.groups = append(c.groups, &group{id: m.config.ID, members: []member{m}, lacking: make(map[int]time.Duration)})
}

// understands reports whether two members accept each other's adverts.
func (m member) understands(o member) bool {
	a, b := m.config, o.config
	if a.Version != b.Version || a.Version == 2 && a.AdvertInterval != b.AdvertInterval {
		return false
	}
	for _, p := range a.Addresses {
		for _, q := range b.Addresses {
			if p.Addr() == q.Addr() {
				return true
			}
		}
	}
	return false
}

// ableOn returns the members on a side that could serve and those that do.
func (g *group) ableOn(side int) (able, masters []*member) {
	for i := range g.members {
		m := &g.members[i]
		if m.node.side != side || !m.able() {
			continue
		}
		able = append(able, m)
		if m.state() == vrrp.StateMaster {
			masters = append(masters, m)
		}
	}
	return able, masters
}

// holdsOn returns the addresses on the member's node that others of its side
// can meet; those of a dead daemon only if they have a lease, which will end.
func (m *member) holdsOn(side int) (held []*entry) {
	if m.node.side != side || !m.node.usable(m.config.ID.Interface) {
		return nil
	}
	for _, e := range m.node.kernel {
		if e.id == m.config.ID && (e.expires > 0 || m.node.awake()) {
			held = append(held, e)
		}
	}
	return held
}

// bound computes the bounds anew.
func (g *group) bound(w *World) {
	g.down = g.longestDown() + w.opts.Delay + w.opts.Jitter + margin
	g.settled = g.settles(g.down)
}

// longestDown is the longest master-down interval that any member may use.
func (g *group) longestDown() time.Duration {
	var longest, interval time.Duration
	for i := range g.members {
		interval = max(interval, g.members[i].config.AdvertInterval)
	}
	for i := range g.members {
		m := &g.members[i]
		down := vrrp.MasterDownInterval(m.config.Version, m.lowest(), interval)
		if m.grouped() {
			// It may have to wait for the hand-over of another member.
			down += vrrp.HandOverBound(m.config.Version, interval)
		}
		longest = max(longest, down)
	}
	return longest
}

// settles is how long after a command the group may take: a fresh start obeys
// for one master-down and preempts within two, and old leases must end.
func (g *group) settles(down time.Duration) time.Duration {
	var lease time.Duration
	for i := range g.members {
		c := g.members[i].config
		lease = max(lease, vrrp.LeaseTime(vrrp.LeaseHeal, c.AdvertInterval))
	}
	return 4*down + lease + time.Second
}
