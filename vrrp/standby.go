package vrrp

import (
	"slices"
	"time"
)

// Standby is an operator's order that a router leave mastership to others.
//
// It then adverts priority 1 if it has to serve after all: as long as nobody
// else is there, somebody must. A forced one does not serve in any case.
type Standby struct {
	ID     RouterID
	Reason string
	Force  bool
}

// StandBy puts the whole set of standby orders in force. A master hands over;
// without a successor it stays master, unless the order is forced. A router
// whose order ends may take over again, also where it does not preempt by
// itself: that is what the operator asked for.
type StandBy struct {
	Orders []Standby
}

func (*StandBy) event() {}

// standbyPriority is what a router on standby adverts.
const standbyPriority = 1

// standBy applies the difference between the orders in force and the new ones.
func (e *Engine) standBy(now time.Time, orders []Standby, command bool) {
	if e.stopped {
		return // it leaves for good; the next start brings the orders along
	}
	given := make(map[RouterID]*Standby, len(orders))
	for i := range slices.Backward(orders) { // the first of a router counts
		given[orders[i].ID] = &orders[i]
	}
	for _, r := range e.order {
		if !r.departing {
			r.takeOrder(now, given[r.cfg.ID], command)
		}
	}
}

// takeOrder takes over the order of one router, nil for none.
func (r *router) takeOrder(now time.Time, order *Standby, command bool) {
	was := r.standby
	r.standby = nil
	if order != nil {
		copied := *order
		r.standby = &copied
	}
	if (was == nil) == (order == nil) && (was == nil || *was == *order) {
		return
	}
	r.summoned = command && was != nil && order == nil
	old := r.priority
	changed := r.weigh(now) // first: the timer of one that leaves is not to be skewed anew
	if r.state == StateMaster && order != nil && !order.Force {
		r.handToAnybody(now)
	}
	if changed {
		r.tellPriority(now, old)
	}
	r.reconsider(now)
	r.reschedule()
}

// handToAnybody leaves mastership to any other router, or goes on without one.
func (r *router) handToAnybody(now time.Time) {
	why := cause{reason: ReasonStandby, detail: r.standby.Reason}
	if r.graceful() {
		r.beginHandOver(now, StateBackup, why, true)
		return
	}
	if r.usable() {
		r.resign()
	}
	r.becomeBackup(now, why)
	r.deadline = now.Add(HandOverBound(r.cfg.Version, r.cfg.AdvertInterval))
}
