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
	// explained says, by side, after which disturbance the causes were compared.
	explained map[int]time.Duration
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

// preempts reports whether the member takes over from a worse master by
// itself: it and all of its sync group are set to.
func (m *member) preempts() bool {
	return m.config.Preempt && !slices.ContainsFunc(m.siblings(), func(c *vrrp.Config) bool { return !c.Preempt })
}

// held reports whether the member, or one of its sync group, may not preempt
// yet.
func (m *member) held() bool {
	siblings := m.siblings()
	for _, s := range m.node.engine.Status() {
		named := func(c *vrrp.Config) bool { return c.Name == s.Name }
		if s.PreemptHeld && (named(m.config) || slices.ContainsFunc(siblings, named)) {
			return true
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
	c.groups = append(c.groups, &group{id: m.config.ID, members: []member{m}, lacking: make(map[int]time.Duration), explained: make(map[int]time.Duration)})
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
	g.down = g.longestDown() + w.opts.Delay + w.opts.Jitter + w.spoil.Late + margin
	g.settled = g.settles(g.down)
}

// longestDown is the longest master-down interval that any member may use. One
// in a sync group may have to wait for the others of it, and for a hand-over.
func (g *group) longestDown() time.Duration {
	var longest time.Duration
	for i := range g.members {
		m := &g.members[i]
		longest = max(longest, m.down(g.interval()))
		for _, c := range m.siblings() {
			s := member{m.node, c}
			longest = max(longest, s.down(max(g.interval(), c.AdvertInterval))+vrrp.HandOverBound(c.Version, c.AdvertInterval))
		}
	}
	return longest
}

// interval is the longest of all members.
func (g *group) interval() (longest time.Duration) {
	for i := range g.members {
		longest = max(longest, g.members[i].config.AdvertInterval)
	}
	return longest
}

// down is the longest master-down interval of the member with a master of the
// interval, or how long it waits for somebody to take over from it.
func (m *member) down(interval time.Duration) time.Duration {
	c := m.config
	return max(c.SilentFor(interval)+vrrp.SkewTime(c.Version, m.lowest(), interval), vrrp.HandOverBound(c.Version, c.AdvertInterval))
}

// siblings returns the configurations of all routers in the member's group,
// none when it is alone.
func (m *member) siblings() (all []*vrrp.Config) {
	for _, g := range m.node.groups {
		if !slices.Contains(g.Members, m.config.ID) {
			continue
		}
		for i := range m.node.routers {
			if c := &m.node.routers[i]; slices.Contains(g.Members, c.ID) {
				all = append(all, c)
			}
		}
	}
	return all
}

// settles is how long after a command the group may take: a fresh start obeys
// for one master-down and preempts within two, and old leases must end.
func (g *group) settles(down time.Duration) time.Duration {
	var lease, delay time.Duration
	for i := range g.members {
		c := g.members[i].config
		lease, delay = max(lease, c.HealLease()), max(delay, c.PreemptDelay)
	}
	return 4*down + lease + delay + time.Second
}
