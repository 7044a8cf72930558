package conf

import (
	"fmt"

	"github.com/vipd/vipd/vrrp"
)

// checkTracks finds weights that never do what they are there for.
func (b *builder) checkTracks(n *node, c vrrp.Config) {
	var weighted *node
	for _, k := range n.all("track") {
		if get[int64](k, "weight") != 0 && weighted == nil {
			weighted = k
		}
	}
	switch {
	case weighted == nil || n.bad("priority", "preempt"):
	case c.Priority == vrrp.PriorityOwner:
		b.warnf("no_effect", weighted.at("weight"), "without a weight the instance is in fault while it is down",
			"weights have no effect in %s: the priority of the owner (255) never changes", n)
	case !c.Preempt:
		b.warnf("never_fails_over", weighted.at("weight"), "preempt = true, or no weight: then the instance is in fault while it is down",
			"with preempt = false no backup takes over from a living master, however low its priority: this weight never moves %s", n)
	default:
		b.checkSwing(n, weighted, c)
	}
}

// checkSwing warns when all weights together cannot change the winner. It
// looks at directors that use their own priorities.
func (b *builder) checkSwing(n, weighted *node, c vrrp.Config) {
	if n.has("priority") && c.Priority != b.director.Priority {
		return
	}
	down, up := 0, 0
	for _, t := range c.Tracks {
		switch {
		case t.ID.Kind == vrrp.TrackFile:
			return
		case t.Weight < 0:
			down -= t.Weight
		default:
			up += t.Weight
		}
	}
	first, second, ok := b.bestDirectors()
	worst := max(1, int(first.Priority)-down)
	if best := min(vrrp.PriorityOwner-1, int(second.Priority)+up); ok && worst > best {
		b.warnf("never_fails_over", weighted.at("weight"), fmt.Sprintf("weights of more than %d in sum", int(first.Priority)-int(second.Priority)),
			"the weights of %s cannot change the winner: at worst %s has priority %d and %s at best %d", n, first.Name, worst, second.Name, best)
	}
}

// bestDirectors returns the two with the highest priorities, if all have one.
func (b *builder) bestDirectors() (first, second Director, ok bool) {
	for _, d := range b.cfg.Directors {
		switch {
		case d.Priority == 0:
			return first, second, false
		case d.Priority > first.Priority:
			first, second = d, first
		case d.Priority > second.Priority:
			second = d
		}
	}
	return first, second, second.Priority > 0
}
