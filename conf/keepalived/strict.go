package keepalived

import "github.com/vipd/vipd/vrrp"

// strict takes everything back that vrrp_strict does not allow: what the RFC
// lacks, and packets to addresses that are not the host's own. It remarks on
// what keepalived remarks on. (Peers are in its list, but it lets them be.)
func (r *reader) strict(i *instance, c *vrrp.Config) {
	reset := func(wrong bool, what string) {
		if wrong {
			r.warnf(i.at, "strict", "", "%s: strict mode has no %s; it is ignored", i.name, what)
		}
	}
	reset(i.authType != nil || i.authPass != nil || i.hmac != nil, "authentication")
	c.Auth = vrrp.Auth{}
	reset(c.PreemptDelay > 0, "preempt_delay")
	c.PreemptDelay = 0
	reset(c.DownAdverts != 0 && c.DownAdverts != vrrp.DefaultDownAdverts, "down_timer_adverts")
	c.DownAdverts = 0
	reset(c.VMAC.FromBase, "vmac_xmit_base")
	c.VMAC.FromBase = false
	reset(c.Deviations.AnswerHigher, "higher_prio_send_advert")
	reset(first(i.rules.noLower, r.global.rules.noLower) != nil && !c.Deviations.SilentToLower, "answer to adverts of a lower priority")
	c.Deviations.AnswerHigher, c.Deviations.SilentToLower = false, true
	reset(c.Announce.LowerRepeat > 0, "announcements after adverts of a lower priority")
	c.Announce.LowerRepeat, c.Announce.LowerDelay = -1, 0
	owner := c.Priority == vrrp.PriorityOwner
	reset(i.master != nil && *i.master != owner, "state MASTER for others than the owner, priority 255, nor anything else for that one")
	c.NoAccept = !owner && !or(i.accept, false)
	if c.Version == 2 {
		reset(or(i.accept, false) && !owner, "accept in version 2")
		c.NoAccept = !owner
	}
	if len(c.Addresses) == 0 {
		r.errorf(i.at, "no_addresses", "", "%s has no virtual address, which strict mode demands", i.name)
	} else if c.ID.Family == vrrp.IPv6 && !c.Addresses[0].Addr().IsLinkLocalUnicast() {
		r.warnf(i.at, "link_local_not_first", "", "%s: the first IPv6 address must be link-local in strict mode", i.name)
	}
}
