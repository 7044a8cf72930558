package vrrp

import (
	"bytes"
	"net/netip"
	"time"
)

// receive handles one packet. A rejected one is counted and reported and
// touches nothing else: no timer, no state, nothing learned.
func (e *Engine) receive(now time.Time, p *Received) {
	r := e.lookup(p)
	a, mark, reason := e.validate(r, p)
	if reason != "" {
		e.drop(now, r, p, reason)
		if reason == DropOwnSource {
			r.suspectDuplicate(p, &a)
		}
		return
	}
	r.remember(p, mark)
	if r.cfg.Deviations.DeafOwner && r.owner() {
		r.countAccepted(p.Family, &a)
		return
	}
	r.accept(now, p, &a)
	e.agenda.update(r)
}

// accept handles a valid advert from another router.
func (r *router) accept(now time.Time, p *Received, a *Advert) {
	r.countAccepted(p.Family, a)
	from := neighbour{addr: p.Src, priority: a.Priority, interval: a.Interval, heard: now}
	r.notePeer(&from)
	first := !r.heard
	r.heard, r.probing = true, probing{}
	r.compareSettings(from, a)
	switch {
	case r.handing.active():
		r.hearSuccessor(now, from)
	case r.state == StateMaster:
		r.hearAsMaster(now, from)
	default:
		r.hearAsBackup(now, from)
	}
	if first {
		r.report(ReportPeerHeard, from.addr, "")
		if r.updateLease() && r.state == StateMaster {
			r.hold(now, false)
		}
	}
}

func (r *router) countAccepted(f Family, a *Advert) {
	r.counters.AdvertsReceived++
	if a.Priority == 0 {
		r.counters.ZeroReceived++
	}
	if a.Version != 3 || f != IPv4 {
		return
	}
	if a.Form == ChecksumPseudo {
		r.counters.ChecksumPseudo++
	} else {
		r.counters.ChecksumPlain++
	}
}

// compareSettings remarks on what differs from our configuration but is no
// reason to reject the advert (RFC 9568 §7.1: log, do not discard).
func (r *router) compareSettings(from neighbour, a *Advert) {
	if bytes.Equal(a.List, r.advertised) {
		r.forgetRemark(ReportAddressList)
	} else if !sameSet(a.List, r.list, addressLen(r.cfg.ID.Family)) {
		r.remarkOn(ReportAddressList, from, hash(a.List), "virtual addresses differ from ours")
	}
	if r.cfg.ID.Family == IPv6 {
		r.remarkLinkLocal(from, a)
	}
	if a.Interval == r.cfg.AdvertInterval {
		r.forgetRemark(ReportIntervalDiffer)
	} else {
		r.remarkOn(ReportIntervalDiffer, from, uint64(a.Interval), "interval differs from ours")
	}
	if a.Priority == PriorityOwner && r.owner() {
		r.remarkOn(ReportDuplicateOwner, from, 0, "two routers claim to own the addresses")
	}
	if r.state == StateMaster && a.Priority == r.priority && !r.owner() {
		r.remarkOn(ReportSamePriority, from, 0, "another master has our priority")
	}
}

// remarkLinkLocal remarks on an IPv6 list that does not begin with a
// link-local address (RFC 9568 §5.2.9). Erratum 8300 would have it rejected;
// keepalived sends such lists, and rejecting one would make two masters.
func (r *router) remarkLinkLocal(from neighbour, a *Advert) {
	if first, _ := netip.AddrFromSlice(a.List[:addressLen(IPv6)]); first.IsLinkLocalUnicast() {
		r.forgetRemark(ReportNoLinkLocal)
		return
	}
	r.remarkOn(ReportNoLinkLocal, from, hash(a.List), "the first address is not link-local")
}

// hearAsBackup is RFC 9568 §6.4.2 for an advert.
func (r *router) hearAsBackup(now time.Time, from neighbour) {
	if from.priority == 0 {
		r.hearResignation(now)
		return
	}
	r.decide()
	r.delayPreemption(now, from)
	// What counts is whether we may preempt when the timer runs out: a hold
	// that ends by then must not cost a second master-down interval.
	at := r.deadline
	if at.IsZero() {
		at = now // it has run out already: the router waits for its group
	}
	if from.priority < r.priority && r.mayPreempt(at) {
		r.passed = from
		return
	}
	r.obey(now, from)
	if from.priority >= r.priority {
		// The others of our group cannot stay master without this one.
		r.surrender(now, false)
	}
}

// hearResignation waits only for the skew. Peers repeat priority 0; the
// repetition must not prolong the wait.
func (r *router) hearResignation(now time.Time) {
	if r.leaving {
		return
	}
	r.leaving = true
	r.deadline = r.notBeforeStart(now.Add(SkewTime(r.cfg.Version, r.priority, r.masterInterval())))
}

// obey accepts from as master and restarts the master-down timer with the
// interval it adverts.
func (r *router) obey(now time.Time, from neighbour) {
	r.master, r.passed = from, neighbour{}
	r.leaving, r.wants = false, false
	r.summoned = r.summoned && from.priority < r.priority
	r.learned = from.interval
	r.deadline = r.notBeforeStart(now.Add(r.masterDown()))
}

// decide releases what an earlier life of this daemon left: another router is
// alive as master.
func (r *router) decide() {
	if r.undecided {
		r.undecided = false
		r.release(r.held)
	}
}

// hearAsMaster is RFC 9568 §6.4.3 for an advert.
func (r *router) hearAsMaster(now time.Time, from neighbour) {
	switch {
	case !r.source().IsValid():
		r.loseVoice(now)
	case from.priority == 0:
		if r.reassert(now) {
			r.deadline = now.Add(r.cfg.AdvertInterval)
		}
	case from.priority > r.priority:
		r.yield(now, from, ReasonHigherPriority)
	case from.priority == r.priority && from.addr.Compare(r.source()) > 0:
		r.yield(now, from, ReasonTieBreak)
	default:
		// Tell the other master, and the switches that saw its frames.
		if !r.cfg.Deviations.SilentToLower {
			r.reassert(now)
		}
		r.reannounce(now)
		if r.cfg.TellLower {
			r.report(ReportLowerPriority, from.addr, "")
		}
	}
}

// reassertPause is the shortest time between two adverts out of turn: the
// shortest interval that VRRP knows. A flood of losing adverts, or two masters
// that both believe they won, must not become a storm.
const reassertPause = 10 * time.Millisecond

// reassert sends an advert out of turn unless one was sent just now.
func (r *router) reassert(now time.Time) bool {
	if now.Sub(r.reasserted) < reassertPause {
		return false
	}
	r.reasserted = now
	r.advertise(now)
	return true
}

// yield leaves mastership to a better master.
func (r *router) yield(now time.Time, to neighbour, why Reason) {
	if r.cfg.Deviations.AnswerHigher {
		r.reassert(now)
	}
	r.becomeBackup(now, cause{reason: why, peer: to})
	r.obey(now, to)
}

// mayPreempt reports whether a lower-priority master may be passed over. A
// fresh start obeys it first: until the carrier has been stable for a
// master-down, the IPVS table is ready and everything tracked was observed.
func (r *router) mayPreempt(now time.Time) bool {
	return r.owner() && r.standby == nil || (r.cfg.Preempt || r.summoned) && !r.preemptHeld(now)
}

// preemptHeld reports whether a fresh start holds preemption back.
func (r *router) preemptHeld(now time.Time) bool {
	return now.Before(r.startsAt()) || now.Before(r.preemptAt) ||
		now.Before(r.iface.usableSince.Add(r.cfg.MasterDown())) || r.engine.awaitingTable(now) ||
		r.awaitingVerdicts() && now.Before(r.iface.usableSince.Add(ReadyBound))
}
