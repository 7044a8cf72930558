package vrrp

import "time"

// reconsider brings the router and its group into or out of fault, as its interface and
// other daemons on this host allow. Routers that run on are not touched.
func (r *router) reconsider(now time.Time) {
	if r.group == nil {
		r.reconsiderAlone(now, nil)
		return
	}
	stuck := r.group.obstacles()
	for _, m := range r.group.members {
		m.reconsiderAlone(now, stuck)
		m.reschedule()
	}
}

// reconsiderOnce is reconsider for one router after the other: those of a group
// have their turn with the first of them.
func (r *router) reconsiderOnce(now time.Time) {
	if g := r.group; g != nil {
		if g.reconsidered == r.engine.reconsiderations {
			return
		}
		g.reconsidered = r.engine.reconsiderations
	}
	r.reconsider(now)
}

// reconsiderAlone is reconsider for a router in a group with these obstacles.
func (r *router) reconsiderAlone(now time.Time, stuck []obstacle) {
	if r.departing {
		return
	}
	why, ok := r.obstacle(stuck)
	switch {
	case ok && !r.running():
		r.start(now)
	case !ok && why.reason != "" && r.state != StateFault:
		r.enterFault(now, why)
	case !ok && r.state == StateFault && why != r.last:
		r.last = why // still in fault, for another reason
	}
}

// obstacle tells what keeps the router from running: something of its own, or
// of another member of its group.
func (r *router) obstacle(stuck []obstacle) (why cause, ok bool) {
	if why, ok = r.ownObstacle(); !ok {
		return why, false
	}
	for _, o := range stuck {
		switch {
		case o.member == r:
		case o.why.reason == "":
			return cause{}, false
		default:
			return cause{reason: ReasonSyncGroup, detail: o.member.cfg.Name + ": " + string(o.why.reason)}, false
		}
	}
	return cause{}, true
}

// ownObstacle tells what keeps the router itself from running. Without a
// reason it only waits for the first word about its interface.
func (r *router) ownObstacle() (why cause, ok bool) {
	link := &r.iface.link
	switch {
	case r.refused != "":
		return cause{reason: ReasonOtherDaemon, detail: r.refused}, false
	case !r.iface.known:
		return cause{}, false
	case !link.Exists:
		return cause{reason: ReasonNoInterface}, false
	case link.Master != "":
		return cause{reason: ReasonEnslaved, detail: link.Master}, false
	case !link.Up && !r.cfg.IgnoreCarrier:
		return cause{reason: ReasonInterfaceDown}, false
	case r.cfg.Delivery.NeedPeers && !r.cfg.Unicast():
		return cause{reason: ReasonNoPeers}, false
	case !r.source().IsValid() && (r.state != StateMaster || r.omitted > r.omissions()):
		return cause{reason: ReasonNoAddress}, false
	}
	if r.standby != nil && r.standby.Force {
		return cause{reason: ReasonStandby, detail: r.standby.Reason}, false
	}
	if why := r.burden().fault; why.reason != "" {
		return why, false
	}
	return cause{}, true
}

// loseVoice ends the mastership of a router that has to say something and has
// no source address. Until then a missing one does no harm, and it may be back
// at once: programs that configure networks remove an interface's address and
// add it again in one go, as systemd-networkd does at every reconfiguration.
func (r *router) loseVoice(now time.Time) {
	r.omitted = r.omissions() + 1
	r.reconsider(now)
}

// start begins the election (RFC 9568 §6.4.1). Only the address owner and a
// router that was master a moment ago begin as master.
func (r *router) start(now time.Time) {
	resume := r.resumes(now)
	r.resumeUntil, r.probing = time.Time{}, probing{}
	switch {
	case resume:
		r.startAsMaster(now, cause{reason: ReasonResumed})
	case r.owner() && r.standby == nil && !r.delayed(now):
		r.startAsMaster(now, cause{reason: ReasonOwner})
	case r.state == StateInitialize:
		r.becomeBackup(now, cause{reason: ReasonStartup})
		r.probe(now)
	default:
		r.becomeBackup(now, cause{reason: ReasonInterfaceUp})
		r.probe(now)
	}
}

// startAsMaster claims mastership without waiting. A member of a group listens
// meanwhile, in case the others have to wait.
func (r *router) startAsMaster(now time.Time, why cause) {
	if r.group != nil {
		r.becomeBackup(now, cause{reason: ReasonStartup})
	}
	r.claim(now, why)
}

// takeoverCause tells why the master-down timer of a backup ran out.
func (r *router) takeoverCause(now time.Time) cause {
	switch {
	case r.leaving && r.master.addr.IsValid():
		return cause{reason: ReasonMasterLeft, peer: r.master}
	case r.leaving:
		return cause{reason: ReasonMasterLeft, peer: r.passed}
	case r.passed.addr.IsValid() && now.Sub(r.passed.heard) <= r.cfg.SilentFor(r.passed.interval):
		return cause{reason: ReasonPreempt, peer: r.passed}
	case r.last.reason == ReasonStandby && !r.master.addr.IsValid() && !r.passed.addr.IsValid():
		return cause{reason: ReasonNoSuccessor}
	}
	return cause{reason: ReasonMasterDown, peer: r.master}
}

// becomeMaster takes the addresses over. The order of effects is part of the
// contract: advert, addresses, announcement, news.
func (r *router) becomeMaster(now time.Time, why cause) {
	r.epoch = r.engine.nextEpoch()
	r.forgetMaster()
	r.undecided, r.wants, r.summoned, r.omitted = false, false, false, 0
	if !r.engine.parting {
		r.sendAdvert(r.priority)
		r.deadline = now.Add(r.cfg.AdvertInterval)
	}
	r.hold(now, false)
	if !r.engine.parting {
		r.announce(now)
	}
	r.transition(now, StateMaster, why)
	r.reportDuplicates()
}

// becomeBackup listens. A master gives its addresses up at once, and so do all
// members of its group.
func (r *router) becomeBackup(now time.Time, why cause) {
	master := r.state == StateMaster
	if master {
		r.release(r.held)
	}
	r.idle()
	r.forgetMaster()
	r.deadline = r.firstDeadline(now)
	r.transition(now, StateBackup, why)
	if master {
		r.surrender(now, why.reason == ReasonSlept)
	}
}

// enterFault stops taking part. Priority 0 is sent where it can be: when
// something else than the interface's absence or silence is the obstacle.
func (r *router) enterFault(now time.Time, why cause) {
	if r.graceful() {
		r.beginHandOver(now, StateFault, why, false)
		return
	}
	if r.state == StateMaster {
		if r.canSend() && !r.handing.active() {
			r.resign()
		}
		r.release(r.held)
	} else if r.canSend() && r.refused == "" {
		r.decide() // nobody else will about what an earlier life left
	}
	r.idle()
	r.forgetMaster()
	r.resumeUntil = time.Time{}
	r.transition(now, StateFault, why)
}

// leave ends the router for good: priority 0, addresses, news (RFC 9568
// §6.4.3, event Shutdown). Addresses that an earlier life left are released
// too, since nobody will decide about them any more.
func (r *router) leave(now time.Time, why cause) {
	master := r.state == StateMaster
	if master && r.canSend() && !r.handing.active() {
		r.resign()
	}
	if master || r.undecided && r.refused == "" {
		r.release(r.held)
	}
	r.undecided = false
	r.idle()
	r.forgetMaster()
	if r.state != StateInitialize {
		r.transition(now, StateInitialize, why)
	}
}

// idle stops all timers.
func (r *router) idle() {
	r.deadline, r.refresh, r.wants = time.Time{}, time.Time{}, false
	r.announced, r.handing = announcement{}, handOver{}
}

// forgetMaster returns to our own interval (RFC 9568 §6.4.1) and to knowing
// nobody.
func (r *router) forgetMaster() {
	r.master, r.passed = neighbour{}, neighbour{}
	r.learned = r.cfg.AdvertInterval
	r.leaving, r.preemptAt = false, time.Time{}
}

// slept reports whether a master did not run for so long that a backup may
// have taken over: it must listen before it goes on.
func (r *router) slept(now time.Time) bool {
	return r.state == StateMaster && !r.handing.active() && now.Sub(r.deadline) >= r.cfg.MasterDown()
}

// leaseLost gives up after the kernel removed one of our addresses.
func (r *router) leaseLost(now time.Time, ev *LeaseLost) {
	if r.state != StateMaster {
		return
	}
	for _, a := range r.held {
		switch {
		case a != ev.Address:
		case r.handing.active():
			r.handing.resume = false
			r.endHandOver(now)
			return
		default:
			r.becomeBackup(now, cause{reason: ReasonLeaseLost, detail: a.String()})
			return
		}
	}
}
