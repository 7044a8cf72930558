package conf

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// rules sets what bends the rules of the election.
func (b *builder) rules(n *node, c *vrrp.Config) {
	c.PreemptDelay = get[time.Duration](n, "preempt_delay")
	c.StartDelay = b.startDelay
	c.ProbeDuplicates = get[bool](n, "probe_duplicates")
	c.IgnoreCarrier = get[bool](n, "ignore_carrier")
	c.LinkDown, c.LinkUp = get[time.Duration](n, "link_down_delay"), get[time.Duration](n, "link_up_delay")
	c.NoAccept = !get[bool](n, "accept") && c.Priority != vrrp.PriorityOwner
	if down := get[int64](n, "down_adverts"); down != vrrp.DefaultDownAdverts {
		c.DownAdverts = uint8(down)
	}
	for _, w := range get[[]located[string]](n, "deviations") {
		to := deviation(&c.Deviations, w.v)
		if to == nil {
			b.errorf("unknown_value", w.rng, didYouMean(w.v, deviationNames), "there is no deviation %q", w.v)
			continue
		}
		*to = true
	}
	switch owner := c.Priority == vrrp.PriorityOwner; {
	case c.PreemptDelay > 0 && owner:
		b.warnf("no_effect", n.at("preempt_delay"), "", "preempt_delay has no effect: the owner of the addresses (priority 255) preempts at once")
	case c.PreemptDelay > 0 && !c.Preempt:
		b.warnf("no_effect", n.at("preempt_delay"), "", "preempt_delay has no effect with preempt = false")
	}
	if c.ProbeDuplicates && c.Priority == vrrp.PriorityOwner {
		b.warnf("no_effect", n.at("probe_duplicates"), "", "probe_duplicates has no effect: the addresses are the owner's own (priority 255)")
	}
	if n.has("accept") && !get[bool](n, "accept") && c.Priority == vrrp.PriorityOwner {
		b.warnf("no_effect", n.at("accept"), "", "accept = false has no effect: the addresses are the owner's own (priority 255)")
	}
	if longest := c.SilentFor(c.AdvertInterval) - c.AdvertInterval; c.LinkDown >= max(longest, 1) {
		b.errorf("link_delay", n.at("link_down_delay"), "", "link_down_delay %v: the others miss the adverts and take over before, it must be shorter than %v", c.LinkDown, longest)
	}
	if c.Lease == vrrp.LeaseStrict && c.DownAdverts == 1 {
		b.errorf("strict_down", n.at("down_adverts"), `lease = "heal"`, "lease \"strict\" with down_adverts = 1: no lease can end before a backup takes over")
	}
}

var deviationNames = []string{"silent_to_lower", "answer_higher", "deaf_owner", "trust_master"}

// deviation is the switch with a name, nil for no name.
func deviation(d *vrrp.Deviations, name string) *bool {
	return map[string]*bool{
		"silent_to_lower": &d.SilentToLower, "answer_higher": &d.AnswerHigher, "deaf_owner": &d.DeafOwner, "trust_master": &d.TrustMaster,
	}[name]
}

// deviationWords are the names of the switches that are on.
func deviationWords(d vrrp.Deviations) []string {
	var out []string
	for _, name := range deviationNames {
		if *deviation(&d, name) {
			out = append(out, name)
		}
	}
	return out
}
