package sim

import (
	"fmt"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// The invariants, checked after every event and at least every checkEvery:
//
//  1. A running node holds all addresses of a router if it is master, and none
//     otherwise, except those an earlier life left and nobody decided about.
//  2. A virtual router that somebody could serve is without a master for at
//     most the longest master-down interval and the network's delay after the
//     last command.
//  3. Once the world has settled, each side of the network has exactly one
//     master of each virtual router, the best one if all preempt, and no
//     address with a lease is on two nodes, running or not.
//  4. Adverts of a daemon that was never paused are never late, by its own
//     count and by the world's: while nothing is disturbed a master sends at
//     least one in each of its intervals.
const (
	checkEvery = 250 * time.Millisecond
	// margin covers drifting clocks and the rounding of instants.
	margin = 20 * time.Millisecond
	// maxViolations of each kind are kept; one bug breaks an invariant again
	// and again.
	maxViolations = 3
)

// checker watches the invariants of a world.
type checker struct {
	world      *World
	disturbed  time.Duration // last command
	groups     []*group
	counts     map[string]int
	violations []string
}

func newChecker(w *World) *checker { return &checker{world: w, counts: make(map[string]int)} }

// disturb restarts the time to settle.
func (c *checker) disturb() { c.disturbed = c.world.now }

// checkRegularly makes sure that silence is checked too.
func (w *World) checkRegularly() {
	w.queue.plan(w.now+checkEvery, w.checkRegularly)
}

// check looks at all invariants now.
func (c *checker) check() {
	for _, n := range c.world.nodes {
		if n.awake() {
			c.checkHeld(n)
			if c.world.now-c.disturbed > c.longestSettle() {
				c.checkGroups(n)
			}
		}
	}
	for _, g := range c.groups {
		for side := range g.sides() {
			c.checkGroup(g, side)
		}
	}
}

// violate records a broken invariant.
func (c *checker) violate(kind, format string, args ...any) {
	c.counts[kind]++
	if c.counts[kind] <= maxViolations {
		c.violations = append(c.violations, fmt.Sprintf("%.6f %s: %s", c.world.now.Seconds(), kind, fmt.Sprintf(format, args...)))
	}
}

// checkHeld is invariant 1.
func (c *checker) checkHeld(n *node) {
	for i := range n.running {
		r := &n.running[i]
		master := n.states[r.ID] == vrrp.StateMaster
		for _, p := range r.Addresses {
			e := n.kernel.find(r.ID, p)
			if master && e == nil {
				c.violate("held", "%s is master of %s without %s", n.name, r.ID, p)
			}
			if !master && e != nil && !e.found {
				c.violate("held", "%s is %s of %s and holds %s", n.name, n.states[r.ID], r.ID, p)
			}
		}
	}
	for _, e := range n.kernel {
		if !e.found && n.states[e.id] != vrrp.StateMaster {
			c.violate("held", "%s keeps %s of %s", n.name, e.prefix, e.id)
		}
	}
}

// checkGroup is invariants 2 and 3 for one virtual router on one side.
func (c *checker) checkGroup(g *group, side int) {
	w := c.world
	var able, masters []*member
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
	down := g.longestDown() + w.opts.Delay + w.opts.Jitter + margin
	if len(able) == 0 || len(masters) > 0 {
		g.served[side] = w.now
	}
	if gap := w.now - max(g.served[side], c.disturbed); gap > down {
		c.violate("gap", "nobody is master of %s for %v, bound %v", g.id, gap, down)
	}
	if w.opts.Loss > 0 || w.now-c.disturbed < g.settles(down) {
		return
	}
	if len(able) > 0 && len(masters) != 1 {
		c.violate("masters", "%d masters of %s on side %d", len(masters), g.id, side)
	}
	if len(masters) == 1 {
		c.checkBest(g, masters[0], able)
	}
	c.checkHolders(g, side)
}

// checkBest asks for the best master when every router preempts, unless a
// better one is still held back after its start.
func (c *checker) checkBest(g *group, master *member, able []*member) {
	for _, m := range able {
		if !m.config.Preempt {
			return
		}
	}
	for _, m := range able {
		if m.priority() > master.priority() && !m.held() {
			c.violate("best", "%s is master of %s although %s is better", master.node.name, g.id, m.node.name)
		}
	}
}

// checkHolders asks that no leased address is on two nodes of a side.
func (c *checker) checkHolders(g *group, side int) {
	holders := make(map[string]string)
	for i := range g.members {
		m := &g.members[i]
		if m.node.side != side || !m.node.usable(g.id.Interface) {
			continue
		}
		for _, e := range m.node.kernel {
			if e.id != g.id || e.expires == 0 && !m.node.awake() {
				continue
			}
			if other := holders[e.prefix.String()]; other != "" {
				c.violate("holders", "%s is on %s and on %s", e.prefix, other, m.node.name)
			}
			holders[e.prefix.String()] = m.node.name
		}
	}
}

// checkCadence is invariant 4 for an advert that leaves now.
func (c *checker) checkCadence(n *node, a *vrrp.SendAdvert) {
	last, ok := n.lastAdvert[a.ID]
	if !ok || last <= c.disturbed || n.states[a.ID] != vrrp.StateMaster {
		return
	}
	for i := range n.running {
		r := &n.running[i]
		drift := r.AdvertInterval * time.Duration(c.world.opts.DriftPPM) / million
		if r.ID == a.ID && c.world.now-last > r.AdvertInterval+drift+time.Microsecond {
			c.violate("cadence", "%s sent adverts of %s %v apart", n.name, a.ID, c.world.now-last)
		}
	}
}

// lateness is invariant 4 by the engine's count. Rounding between clocks costs a nanosecond.
func (c *checker) lateness() {
	for _, n := range c.world.nodes {
		if n.engine == nil || n.rested {
			continue
		}
		for _, s := range n.engine.Status() {
			if s.Counters.LatenessMax > time.Microsecond {
				c.violate("late", "an advert of %s left %s %v late", s.Name, n.name, s.Counters.LatenessMax)
			}
		}
	}
}

// longestSettle is how long the slowest virtual router may take to settle.
func (c *checker) longestSettle() time.Duration {
	var longest time.Duration
	for _, g := range c.groups {
		longest = max(longest, g.settles(g.longestDown()+c.world.opts.Delay+c.world.opts.Jitter+margin))
	}
	return longest
}
