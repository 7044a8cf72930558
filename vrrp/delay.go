package vrrp

import "time"

// startsAt is when the delay after the start of the daemon ends. It counts
// from the first configuration: a reload does not begin it anew.
func (r *router) startsAt() time.Time { return r.engine.began.Add(r.cfg.StartDelay) }

// delayed reports whether the delay after the start is still running.
func (r *router) delayed(now time.Time) bool { return now.Before(r.startsAt()) }

// firstDeadline is the master-down timer of a router that begins to listen.
// During the delay after the start it has not begun to count; the owner of the
// addresses waits for nothing else.
func (r *router) firstDeadline(now time.Time) time.Time {
	switch start := r.startsAt(); {
	case !now.Before(start):
		return now.Add(r.masterDown())
	case r.owner():
		return start
	default:
		return start.Add(r.masterDown())
	}
}

// notBeforeStart keeps a timer from running out during the delay after the
// start. keepalived adds the delay anew for every advert that it hears.
func (r *router) notBeforeStart(deadline time.Time) time.Time {
	if start := r.startsAt(); deadline.Before(start) {
		return start
	}
	return deadline
}

// delayPreemption begins the delay of preemption with the first advert of a
// lower-priority master and forgets it with one of a better master.
func (r *router) delayPreemption(now time.Time, from neighbour) {
	switch {
	case r.cfg.PreemptDelay == 0 || from.priority >= r.priority:
		r.preemptAt = time.Time{}
	case r.preemptAt.IsZero():
		r.preemptAt = now.Add(r.cfg.PreemptDelay)
	}
}
