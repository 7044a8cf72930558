package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// The invariants, checked after every event that touches what they speak of, at
// the ends of the times to settle, and at least every checkEvery:
//
//  1. A running node holds all addresses of a router if it is master, and none
//     otherwise, except those an earlier life left and nobody decided about.
//  2. A virtual router that somebody could serve is without a master for at
//     most the longest master-down interval and the network's delay after the
//     last command.
//  3. Once the world has settled, each side of the network has exactly one
//     master of each virtual router, the best one if all preempt, and no
//     address with a lease is on two nodes, running or not.
//  4. Once settled, a running daemon takes part in every virtual router that
//     nothing keeps it from, and in no other.
//  5. Adverts of a daemon that was never paused are never late, by its own
//     count and by the world's: while nothing is disturbed a master sends at
//     least one in each of its intervals.
//  6. Once settled, the cause that is named for the state of a router is the
//     true one, and its priority is the sum of what it tracks.
const (
	checkEvery = time.Second
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
	touched    bool          // there is something to look at
	changed    bool          // and the bounds may be others
	groups     []*group
	counts     map[string]int
	violations []string
}

func newChecker(w *World) *checker { return &checker{world: w, counts: make(map[string]int)} }

// touch asks for a check after the present event, which changed something.
func (c *checker) touch() { c.touched, c.changed = true, true }

// look asks for a check because time has passed.
func (c *checker) look() { c.touched = true }

// disturb restarts the time to settle and plans the checks at its ends.
func (c *checker) disturb() {
	c.disturbed = c.world.now
	c.touch()
	for _, g := range c.groups {
		g.bound(c.world)
		c.world.queue.plan(c.world.now+g.settled+1, c.look)
	}
}

// checkRegularly makes sure that silence is checked too.
func (w *World) checkRegularly() {
	w.checker.look()
	w.queue.plan(w.now+checkEvery, w.checkRegularly)
}

// check looks at all invariants now if there is something to see.
func (c *checker) check() {
	if !c.touched {
		return
	}
	if c.changed {
		for _, g := range c.groups {
			g.bound(c.world)
		}
	}
	c.touched, c.changed = false, false
	for _, n := range c.world.nodes {
		if n.awake() {
			c.checkHeld(n)
			c.checkGroups(n)
		}
	}
	for _, g := range c.groups {
		for side := range c.world.sides {
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
	able, masters := g.ableOn(side)
	c.checkGap(g, side, len(able) > 0 && len(masters) == 0)
	if w.opts.Loss > 0 || w.now-c.disturbed < g.settled {
		return
	}
	c.checkFit(g, side)
	switch {
	case len(masters) == 1:
		c.checkBest(g, masters[0], able)
		c.checkExplained(g, side, masters[0])
	case len(able) == 0:
		c.checkExplained(g, side, nil)
	default:
		c.violate("masters", "%d masters of %s on side %d", len(masters), g.id, side)
	}
	c.checkHolders(g, side)
}

// checkGap is invariant 2. What is so now was so since the last check.
func (c *checker) checkGap(g *group, side int, lacking bool) {
	since, lacked := g.lacking[side]
	if lacked {
		if gap := c.world.now - max(since, c.disturbed); gap > g.down {
			c.violate("gap", "nobody is master of %s for %v, bound %v", g.id, gap, g.down)
		}
	}
	switch {
	case !lacking:
		delete(g.lacking, side)
	case !lacked:
		g.lacking[side] = c.world.now
	}
}

// checkBest asks for the best master when every router preempts, unless a
// better one is still held back after its start.
func (c *checker) checkBest(g *group, master *member, able []*member) {
	for _, m := range able {
		if !m.preempts() {
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
	for i := range g.members {
		for _, e := range g.members[i].holdsOn(side) {
			for j := range i {
				if slices.ContainsFunc(g.members[j].holdsOn(side), func(o *entry) bool { return o.prefix == e.prefix }) {
					c.violate("holders", "%s is on %s and on %s", e.prefix, g.members[j].node.name, g.members[i].node.name)
				}
			}
		}
	}
}

// checkCadence is invariant 5 for an advert that leaves now.
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

// lateness is invariant 5 by the engine's count. Rounding between clocks costs a nanosecond.
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
		longest = max(longest, g.settled)
	}
	return longest
}
