package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// departs begins the hand-over of a master that is no longer configured, and
// reports whether there is one: not for a router that leaves at once anyway,
// nor when one of its addresses is wanted by another.
func (r *router) departs(now time.Time, taken map[netip.Prefix]bool) bool {
	if !r.graceful() || slices.ContainsFunc(r.held, func(p netip.Prefix) bool { return taken[p] }) {
		return false
	}
	r.departing, r.group, r.standby = true, nil, nil
	r.beginHandOver(now, StateInitialize, cause{reason: ReasonRemoved}, false)
	return true
}

// heldBy gathers the addresses of all routers of a configuration.
func heldBy(wanted map[RouterID]*Config) map[netip.Prefix]bool {
	all := make(map[netip.Prefix]bool, len(wanted))
	for _, c := range wanted {
		for _, p := range c.Held() {
			all[p] = true
		}
	}
	return all
}

// remains takes the removal of a router back: it goes on as master if nobody
// takes over.
func (r *router) remains() {
	if r.departing {
		r.departing = false
		r.handing.to, r.handing.resume = StateBackup, true
	}
}

// bury forgets the routers that have departed.
func (e *Engine) bury() {
	if !e.departing {
		return
	}
	e.departing = false
	have := len(e.order)
	e.order = slices.DeleteFunc(e.order, func(r *router) bool {
		gone := r.departing && r.state == StateInitialize
		if gone {
			delete(e.routers, r.cfg.ID)
		}
		e.departing = e.departing || r.departing && !gone
		return gone
	})
	if len(e.order) < have {
		e.number()
		e.agenda.rebuild(e.order)
	}
}

// number notes the order of the routers and the shortest master-down interval.
func (e *Engine) number() {
	e.shortest = 0
	for i, r := range e.order {
		r.order = i
		if down := r.cfg.MasterDown(); i == 0 || down < e.shortest {
			e.shortest = down
		}
	}
}
