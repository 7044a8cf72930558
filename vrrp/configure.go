package vrrp

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// configure applies the difference between the routers that run and the ones
// that are wanted, in one step. Addresses are given up before any is taken, so
// that one may move from a router to another.
func (e *Engine) configure(now time.Time, ev *Configure) {
	if e.stopped {
		for _, r := range e.order {
			if r.handing.active() {
				r.endHandOver(now)
			}
		}
		e.stopped, e.departing = false, false
		clear(e.routers)
		e.order = e.order[:0]
	}
	if e.began.IsZero() {
		e.began = now
	}
	e.parting = ev.Parting
	if ev.AwaitReady && !e.awaiting {
		e.awaiting, e.awaitUntil = true, now.Add(ReadyBound)
	}
	wanted := make(map[RouterID]*Config, len(ev.Routers))
	for i := range ev.Routers {
		wanted[ev.Routers[i].ID] = &ev.Routers[i]
	}
	departing := e.removeUnwanted(now, wanted)
	for _, r := range e.order {
		r.releaseUnwanted(wanted[r.cfg.ID])
	}
	e.order = e.order[:0]
	for i := range ev.Routers {
		c := &ev.Routers[i]
		if wanted[c.ID] == c {
			e.order = append(e.order, e.applyConfig(now, c, ev))
		}
	}
	e.order = append(e.order, departing...)
	e.departing = len(departing) > 0
	e.number()
	e.collectGroups(ev.Groups)
	e.standBy(now, ev.StandBy, false)
	e.collectTracks(now)
	e.forgetInterfaces()
	e.collectSources()
	e.collectDelays()
	e.agenda.rebuild(e.order)
	e.reconsiderations++
	for _, r := range e.order {
		r.reconsiderOnce(now)
		e.agenda.update(r)
	}
}

// removeUnwanted lets the routers leave that are no longer configured, and
// returns those that hand over first.
func (e *Engine) removeUnwanted(now time.Time, wanted map[RouterID]*Config) (departing []*router) {
	taken := heldBy(wanted)
	e.order = slices.DeleteFunc(e.order, func(r *router) bool {
		c := wanted[r.cfg.ID]
		switch {
		case c != nil && c.Carrier() == r.cfg.Carrier():
			r.remains()
			return false
		case c == nil && r.departs(now, taken):
			departing = append(departing, r)
		default:
			r.leave(now, cause{reason: ReasonRemoved})
			delete(e.routers, r.cfg.ID)
		}
		return true
	})
	return departing
}

// applyConfig starts the router of c or changes it in place.
func (e *Engine) applyConfig(now time.Time, c *Config, ev *Configure) *router {
	r := e.routers[c.ID]
	fresh := r == nil
	if fresh {
		r = newRouter(e, *c)
		e.routers[c.ID] = r
		if ev.Resume[c.ID] {
			r.resumeUntil = now.Add(c.MasterDown())
		}
		r.countOn(ev.Counted[c.ID])
		r.since = now
	}
	r.heard = r.heard || ev.PeerHeard[c.ID]
	r.refused = ev.Refused[c.ID]
	if fresh {
		r.lease = r.leaseMode()
		r.leaseTime = leaseTime(r.lease, c, e.period)
	} else {
		r.change(now, *c)
	}
	return r
}

// releaseUnwanted gives up the addresses that the new configuration lacks.
func (r *router) releaseUnwanted(c *Config) {
	if r.state != StateMaster && !r.undecided {
		return
	}
	if gone := without(r.held, c.Held()); len(gone) > 0 {
		r.release(gone)
	}
}

// change puts new settings in force without a transition; mastership is kept.
func (r *router) change(now time.Time, c Config) {
	old := r.cfg
	had, have := r.held, c.Held()
	added := without(have, had)
	moved := len(added) > 0 || len(without(had, have)) > 0 || !maps.Equal(old.Options, c.Options)
	r.setConfig(c)
	lease := r.updateLease()
	switch r.state {
	case StateBackup:
		r.changeBackup(now, &old)
	case StateMaster:
		// A shorter interval counts at once; with a longer one the peers
		// must hear of it while they still expect the shorter.
		r.learned = c.AdvertInterval
		if !r.handing.active() {
			r.deadline = earliest(r.deadline, now.Add(c.AdvertInterval))
		}
		if moved {
			r.epoch = r.engine.nextEpoch()
		}
		if moved || lease {
			r.hold(now, false)
		}
		r.announceAdded(now, added)
	default:
		r.learned = c.AdvertInterval
	}
}

// announceAdded announces the addresses that a master took on, and all of them
// once more on the usual plan.
func (r *router) announceAdded(now time.Time, added []netip.Prefix) {
	if len(added) > 0 && !r.handing.active() {
		r.gratuitousBlock(added, r.cfg.Announce.Repeat)
		r.planAnnouncements(now)
	}
}

// changeBackup keeps the master-down timer true to the new settings. Another
// own interval or version starts it afresh where it counted on the old one; a
// priority only changes the skew; an owner does not wait.
func (r *router) changeBackup(now time.Time, old *Config) {
	ours := r.cfg.Version == 2 || !r.master.addr.IsValid()
	switch {
	case r.owner() && old.Priority != PriorityOwner && r.standby == nil:
		r.priority = r.cfg.Priority
		r.claim(now, cause{reason: ReasonOwner})
	case r.cfg.Version != old.Version, ours && r.cfg.AdvertInterval != old.AdvertInterval:
		r.forgetMaster()
		r.deadline = now.Add(r.masterDown())
	}
}

// without returns the prefixes of a that are not in b.
func without(a, b []netip.Prefix) []netip.Prefix {
	if slices.Equal(a, b) {
		return nil // the usual case, and lists may be long
	}
	in := make(map[netip.Prefix]struct{}, len(b))
	for _, p := range b {
		in[p] = struct{}{}
	}
	var rest []netip.Prefix
	for _, p := range a {
		if _, both := in[p]; !both {
			rest = append(rest, p)
		}
	}
	return rest
}
