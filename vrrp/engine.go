package vrrp

import (
	"time"
)

// Engine holds all virtual routers of one director. It is not safe for
// concurrent use; its owner steps it with one event after the other.
type Engine struct {
	routers map[RouterID]*router
	order   []*router // as configured
	ifaces  map[string]*iface
	// sources are the addresses that adverts of this host may come from.
	sources map[zoned]struct{}
	agenda  agenda
	// observed holds every tracked thing that was told of or is in use.
	observed  map[TrackID]*observation
	debounced []*observation // those that must last before they count
	delayed   []*iface       // those whose states must last
	out       outbox
	epoch     uint64
	now       time.Time

	// began is when the first configuration came.
	began time.Time
	// wallAhead is how far the wall clock is ahead of the time of the steps.
	wallAhead time.Duration

	// shortest is the shortest master-down interval of all routers: nobody
	// can have slept through one while the agenda is less late than that.
	shortest time.Duration
	stopped  bool
	// parting is set when masters are there to leave only.
	parting bool
	// departing is set while routers hand over that are no longer configured.
	departing bool
	// period is how often heal leases are refreshed.
	period time.Duration
	// observations counts the changes of what is known of tracked things.
	observations uint64
	// reconsiderations counts the events after which routers are reconsidered.
	reconsiderations uint64

	// awaiting holds preemption back until the IPVS table is ready, at most
	// until awaitUntil.
	awaiting   bool
	tableReady bool
	awaitUntil time.Time
}

// NewEngine returns an engine without routers.
func NewEngine() *Engine {
	return &Engine{
		routers:  make(map[RouterID]*router),
		ifaces:   make(map[string]*iface),
		sources:  make(map[zoned]struct{}),
		observed: make(map[TrackID]*observation),
		period:   leastPeriod,
	}
}

// Step handles one event at the time now, which must not go backwards. The
// actions and what they point at are valid until the next Step.
//
// Callers feed packets that are waiting before the Tick of a timer that has
// run out: an advert in the queue is newer than the timer.
func (e *Engine) Step(now time.Time, ev Event) Output {
	e.out.reset()
	e.now = now
	e.wake(now)
	switch ev := ev.(type) {
	case *Tick:
		e.tick(now)
	case *Received:
		e.receive(now, ev)
	case *Configure:
		e.configure(now, ev)
	case *Link:
		e.setLink(now, ev)
	case *LeaseLost:
		if r := e.routers[ev.ID]; r != nil {
			r.leaseLost(now, ev)
			e.agenda.update(r)
		}
	case *SendFailed:
		e.sendFailed(ev)
	case *StandBy:
		e.standBy(now, ev.Orders, true)
	case *Observed:
		e.observe(now, ev)
	case *Clock:
		e.wallAhead = ev.Wall.Sub(now)
	case *TableReady:
		e.tableReady = true
	case *RefreshCost:
		e.refreshCost(now, ev.Cost)
	case *Announced:
		e.announced(now, ev)
	case *Answered:
		if r := e.routers[ev.ID]; r != nil {
			r.answered(ev)
		}
	case *Resumed:
		e.resumed(now)
	case *Stop:
		e.stop(now, ev)
	}
	e.bury()
	return Output{
		Actions: e.out.actions, Next: earliest(e.agenda.next(), e.nextSettle()), Leaving: e.leaving(), Departing: e.departing,
	}
}

// wall returns what the wall clock shows.
func (e *Engine) wall() time.Time { return e.now.Add(e.wallAhead) }

// wake applies the late timer rule before any other event: a master that did
// not run for its own master-down interval becomes backup and listens.
func (e *Engine) wake(now time.Time) {
	next := e.agenda.next()
	if next.IsZero() || now.Sub(next) < e.shortest {
		return
	}
	for _, r := range e.order {
		if r.slept(now) {
			late := now.Sub(r.deadline)
			r.becomeBackup(now, cause{reason: ReasonSlept, detail: late.String()})
			e.agenda.update(r)
		}
	}
}

// tick handles all timers that have run out, longest overdue first.
func (e *Engine) tick(now time.Time) {
	e.settle(now)
	e.settleLinks(now)
	for r := e.agenda.due(now); r != nil; r = e.agenda.due(now) {
		r.tick(now)
		e.agenda.update(r)
	}
}

// stop makes every router leave. The engine stays silent until it is
// configured anew.
func (e *Engine) stop(now time.Time, ev *Stop) {
	for _, r := range e.order {
		if !ev.Immediate && r.graceful() {
			r.beginHandOver(now, StateInitialize, cause{reason: ReasonStop}, false)
		} else {
			r.leave(now, cause{reason: ReasonStop})
		}
	}
	e.stopped = true
	e.agenda.rebuild(e.order)
}

// sendFailed counts an advert that did not leave and reports the first one of
// a series with the same error.
func (e *Engine) sendFailed(ev *SendFailed) {
	r := e.routers[ev.ID]
	if r == nil {
		return
	}
	r.counters.SendErrors++
	r.sendFailing = true
	r.remarkOn(ReportSendFailed, neighbour{}, hash([]byte(ev.Err)), ev.Err)
}

// nextEpoch numbers changes of ownership across all routers.
func (e *Engine) nextEpoch() uint64 {
	e.epoch++
	return e.epoch
}

// awaitingTable reports whether preemption still waits for the IPVS table.
func (e *Engine) awaitingTable(now time.Time) bool {
	return e.awaiting && !e.tableReady && now.Before(e.awaitUntil)
}

// ownAddress reports whether the packet was sent by this host, by whatever of its
// interfaces.
func (e *Engine) ownAddress(p *Received) bool {
	_, own := e.sources[zoneOf(p.Interface, p.Src)]
	return own
}
