package conf

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// rules sets what bends the rules of the election.
func (b *builder) rules(n *node, c *vrrp.Config) {
	c.PreemptDelay = get[time.Duration](n, "preempt_delay")
	c.StartDelay = b.startDelay
	c.NoAccept = !get[bool](n, "accept") && c.Priority != vrrp.PriorityOwner
	if down := get[int64](n, "down_adverts"); down != vrrp.DefaultDownAdverts {
		c.DownAdverts = uint8(down)
	}
	switch owner := c.Priority == vrrp.PriorityOwner; {
	case c.PreemptDelay > 0 && owner:
		b.warnf("no_effect", n.at("preempt_delay"), "", "preempt_delay has no effect: the owner of the addresses (priority 255) preempts at once")
	case c.PreemptDelay > 0 && !c.Preempt:
		b.warnf("no_effect", n.at("preempt_delay"), "", "preempt_delay has no effect with preempt = false")
	}
	if n.has("accept") && !get[bool](n, "accept") && c.Priority == vrrp.PriorityOwner {
		b.warnf("no_effect", n.at("accept"), "", "accept = false has no effect: the addresses are the owner's own (priority 255)")
	}
	if c.Lease == vrrp.LeaseStrict && c.DownAdverts == 1 {
		b.errorf("strict_down", n.at("down_adverts"), `lease = "heal"`, "lease \"strict\" with down_adverts = 1: no lease can end before a backup takes over")
	}
}
