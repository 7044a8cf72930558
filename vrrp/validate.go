package vrrp

import (
	"bytes"
	"time"
)

// lookup finds the router a packet is meant for by interface, family and
// VRID, whatever else is wrong with the packet. It returns nil if none is.
func (e *Engine) lookup(p *Received) *router {
	msg := p.message()
	if len(msg) < 2 {
		return nil
	}
	return e.routers[RouterID{Interface: p.Interface, Family: p.Family, VRID: msg[1]}]
}

// validate makes the checks of RFC 9568 §7.1 and RFC 3768 §7.1 in their order.
// The reason is empty when the advert is acceptable to r.
func (e *Engine) validate(r *router, p *Received) (Advert, authMark, DropReason) {
	if r == nil {
		return Advert{}, authMark{}, validateStray(p)
	}
	if reason := r.checkTTL(p); reason != "" {
		return Advert{}, authMark{}, reason
	}
	if p.message()[0]>>4 != r.cfg.Version {
		return Advert{}, authMark{}, DropVersion
	}
	a, reason := Decode(p.message(), Path{Family: p.Family, Src: p.Src, Dst: p.Dst})
	switch {
	case reason != "":
		return a, authMark{}, reason
	case e.ownAddress(p):
		return a, authMark{}, DropOwnSource
	}
	if reason := r.checkAddresses(p); reason != "" {
		return a, authMark{}, reason
	}
	mark, reason := r.authenticate(p, &a)
	if reason == "" {
		reason = r.admit(p, &a)
	}
	return a, mark, reason
}

// validateStray finds what is wrong with a packet that no router is there
// for: that, unless it is no good advert in the first place.
func validateStray(p *Received) DropReason {
	if p.Dst.IsMulticast() && p.TTL != maxTTL {
		return DropTTL
	}
	if _, reason := Decode(p.message(), Path{Family: p.Family, Src: p.Src, Dst: p.Dst}); reason != "" {
		return reason
	}
	return DropUnknownVRID
}

// suspectDuplicate remarks on an advert from our own address that we cannot
// have sent: somebody else on the network has the address, too.
func (r *router) suspectDuplicate(p *Received, a *Advert) {
	if p.Src != r.source() {
		return // the host is on this network twice
	}
	if r.state != StateMaster || a.Priority != r.priority && a.Priority != 0 {
		r.remarkOn(ReportDuplicateAddress, neighbour{addr: p.Src}, uint64(a.Priority), "another router sends from our address")
	}
}

// admit makes the checks that depend on the router's settings and state.
func (r *router) admit(p *Received, a *Advert) DropReason {
	switch {
	case a.Version == 3 && len(a.List) == 0:
		return DropCount
	case a.Version == 3 && a.Interval == 0:
		return DropIntervalZero
	case a.Version == 2 && a.Interval != r.cfg.AdvertInterval:
		return DropInterval
	case r.clashes(a) && !(r.cfg.Deviations.TrustMaster && p.Src == r.master.addr):
		return DropVRIDClash
	case a.Priority == 0 && r.state == StateBackup && !r.isMaster(p):
		return DropNotMaster
	case !r.running():
		return DropInactive
	}
	return ""
}

// clashes reports whether the advert's list is disjoint from ours: then it
// belongs to another cluster that uses our VRID by mistake.
func (r *router) clashes(a *Advert) bool {
	if bytes.Equal(a.List, r.list) {
		return false
	}
	n := addressLen(r.cfg.ID.Family)
	for have := a.List; len(have) >= n; have = have[n:] {
		if contains(r.list, have[:n]) {
			return false
		}
	}
	return true
}

// isMaster reports whether the packet comes from the master we know: the one
// we obey or, failing that, the one we are about to preempt.
func (r *router) isMaster(p *Received) bool {
	if r.master.addr.IsValid() {
		return p.Src == r.master.addr
	}
	return r.passed.addr.IsValid() && p.Src == r.passed.addr
}

// contains reports whether a packed list holds the packed address.
func contains(list, address []byte) bool {
	for n := len(address); len(list) >= n; list = list[n:] {
		if bytes.Equal(list[:n], address) {
			return true
		}
	}
	return false
}

// sameSet reports whether two packed lists hold the same addresses of n
// bytes, in any order.
func sameSet(a, b []byte, n int) bool {
	return subset(a, b, n) && subset(b, a, n)
}

func subset(a, b []byte, n int) bool {
	for ; len(a) >= n; a = a[n:] {
		if !contains(b, a[:n]) {
			return false
		}
	}
	return true
}

// drop counts and reports a rejected packet.
func (e *Engine) drop(now time.Time, r *router, p *Received, why DropReason) {
	d := e.out.drops.take()
	*d = Drop{Interface: p.Interface, Family: p.Family, Src: p.Src, Reason: why}
	if msg := p.message(); len(msg) > 1 {
		d.VRID = msg[1]
	}
	if r == nil {
		e.iface(p.Interface).dropped[why]++
	} else {
		r.counters.Dropped[why]++
		d.Alarm = r.alarming(now, why)
	}
	e.out.add(d)
}

// alarming reports whether rejecting a packet with our VRID may mean that two
// masters are alive: we are master, or will be within an interval. Our own
// looped-back adverts and a resignation are no sign of another master.
func (r *router) alarming(now time.Time, why DropReason) bool {
	if why == DropOwnSource || why == DropNotMaster {
		return false
	}
	return r.state == StateMaster || r.state == StateBackup && r.deadline.Sub(now) <= r.masterInterval()
}

// newDropCounters returns counters for every reason, so that counting never
// allocates.
func newDropCounters() map[DropReason]uint64 {
	m := make(map[DropReason]uint64, len(DropReasons))
	for _, reason := range DropReasons {
		m[reason] = 0
	}
	return m
}
