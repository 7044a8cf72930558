package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vipd/vipd/vrrp"
)

const (
	// drainPerPort bounds the packets read in one round. A receive buffer
	// cannot hold more (1 MiB, at least 256 octets of it per packet), so one
	// round sees everything that was queued when it began, and a flood cannot
	// keep the loop from its deadlines.
	drainPerPort = 4096
	// flushBound is how long leaving waits for the addresses to go, besides
	// RemovalBound for each. The kernel does one change of networks after the
	// other, and a namespace that goes may take it a second.
	flushBound = 2500 * time.Millisecond
	// retryDeaf is how often an interface that cannot be listened to is tried
	// again.
	retryDeaf = time.Second
	// clockEvery is how old the engine's idea of the wall clock may be.
	clockEvery = time.Second
)

// RemovalBound is how long the removal of one address may take where system
// calls are slowest. An address that is left behind stays.
const RemovalBound = 2 * time.Millisecond

// ErrStopped is returned by Status once Run has returned.
var ErrStopped = errors.New("runner has stopped")

// Options say what a Runner works with. Wire, Links, Announcer and Observer
// are required.
type Options struct {
	Wire      Wire
	Links     Links
	Announcer Announcer
	Observer  Observer
	// Engine defaults to a new vrrp.Engine.
	Engine Engine
	// Now defaults to time.Now. Production passes a clock that goes on
	// counting while the machine is suspended.
	Now func() time.Time
	// Wall, if set, is the wall clock, which signed adverts tell. Without it
	// Now is taken for it.
	Wall func() time.Time
	// Record, if set, remembers the adverts of masters.
	Record Recorder
	// Watch, if set, is told the interfaces of every configuration before the
	// engine gets it; a Link event for each of them has to follow.
	Watch func(interfaces []string)
	// Overhear, if set, is told whose announcements to feed as
	// vrrp.Announced. It must not block.
	Overhear func(*vrrp.HandingOver)
	// Probe, if set, looks for other hosts that use addresses and feeds them as
	// vrrp.Answered. It must not block.
	Probe func(*vrrp.Probe)
	// Claim, if set, is told every configuration before the engine gets it,
	// so that addresses nobody claims any more can go.
	Claim func([]vrrp.Config)
	// Idle, if set, tells whether nothing that was asked for is still to be
	// done; the loop yields to another process only then.
	Idle func() bool
	// Left, if set, is what another process left; Engine has to be restored
	// from it. A vrrp.Resumed event has to follow when Links can take what is
	// held.
	Left *Left
}

// Status is a snapshot of everything the runner knows.
type Status struct {
	Routers    []vrrp.RouterStatus   `json:"routers"`
	Interfaces []vrrp.InterfaceDrops `json:"interfaces"`
	Addresses  []AddressStatus       `json:"addresses"`
}

// Runner drives one engine. Run is the loop; the other methods may be called
// from any goroutine.
type Runner struct {
	opt Options

	mu     sync.Mutex
	queued []vrrp.Event
	wake   chan struct{}    // capacity 1: queued is not empty
	ask    chan chan Status // status requests, answered by the loop
	yields chan *yieldRequest
	done   chan struct{} // closed when Run returns

	// What follows belongs to the loop.
	next      time.Time // of the engine's last output
	leaving   bool      // the engine stopped and hands over
	departing bool      // routers hand over that are no longer configured
	present   []vrrp.Config
	final     *vrrp.Configure // once they have departed
	limit     int             // packets per round
	clockTold time.Time
	yielding  *yieldRequest // what the loop was asked and waits for
	received  vrrp.Received
	reached   []vrrp.RouterID // whose adverts of the present step left, to one peer at least
	links     links
}

// New returns a Runner that Run will start.
func New(o Options) *Runner {
	if o.Engine == nil {
		o.Engine = vrrp.NewEngine()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Runner{
		opt: o, wake: make(chan struct{}, 1), ask: make(chan chan Status), yields: make(chan *yieldRequest), done: make(chan struct{}),
		limit: drainPerPort, links: newLinks(),
	}
}

// Do queues an event for the engine and returns at once. Events are stepped
// in the order given; the event must not be changed afterwards.
func (r *Runner) Do(ev vrrp.Event) {
	r.mu.Lock()
	r.queued = append(r.queued, ev)
	r.mu.Unlock()
	signal(r.wake)
}

// Status returns a snapshot made by the loop between two steps. It fails when
// ctx ends before the loop is reached or when Run has returned.
func (r *Runner) Status(ctx context.Context) (Status, error) {
	answer := make(chan Status, 1)
	select {
	case r.ask <- answer:
		st := <-answer
		st.Addresses = r.opt.Links.Status()
		return st, nil
	case <-r.done:
		return Status{}, ErrStopped
	case <-ctx.Done():
		return Status{}, fmt.Errorf("ask the election loop: %w", ctx.Err())
	}
}

// Run works until ctx ends. Then it makes every router leave, hands over where
// the configuration says so, waits a bounded time for the addresses to go and
// returns; the error tells what was not done in time. It must be called only once.
func (r *Runner) Run(ctx context.Context) error {
	defer close(r.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	if r.opt.Left != nil {
		r.resume(r.opt.Left)
	}
	for ctx.Err() == nil {
		if r.round() {
			r.answer()
			continue
		}
		if r.yield() {
			return ErrYielded
		}
		r.wait(timer, ctx.Done())
	}
	r.refuseYield()
	addresses := len(r.opt.Links.Status())
	r.drain()
	r.step(&vrrp.Stop{})
	for r.leaving {
		r.wait(timer, nil)
		for r.round() {
			r.answer()
		}
	}
	if err := r.opt.Links.Flush(flushBound + time.Duration(addresses)*RemovalBound); err != nil {
		return fmt.Errorf("remove virtual addresses: %w", err)
	}
	return nil
}

// wait returns when something has happened.
func (r *Runner) wait(timer *time.Timer, done <-chan struct{}) {
	r.arm(timer)
	select {
	case <-done:
	case <-timer.C:
	case <-r.wake:
	case <-r.opt.Wire.Ready():
	case answer := <-r.ask:
		r.round() // what was queued before the question counts
		answer <- r.snapshot()
	case r.yielding = <-r.nextYield():
	}
}

// arm sets the timer to the earliest thing that time alone brings about.
func (r *Runner) arm(timer *time.Timer) {
	at := r.next
	if retry := r.links.retry; !retry.IsZero() && (at.IsZero() || retry.Before(at)) {
		at = retry
	}
	if r.yielding != nil {
		if soon := r.opt.Now().Add(quietPoll); at.IsZero() || soon.Before(at) {
			at = soon
		}
	}
	if at.IsZero() {
		timer.Stop()
		return
	}
	timer.Reset(max(0, at.Sub(r.opt.Now())))
}

// round is one turn of the loop: packets, then a due deadline, then one
// queued event. The order is a rule of its own: a late timer must not decide
// before the packets that arrived in the meantime have been heard, and what
// happened to addresses comes after both. It reports whether there is more.
func (r *Runner) round() bool {
	r.tellClock()
	more := r.drain()
	r.tick()
	r.retry()
	ev, left := r.pop()
	if ev != nil {
		r.event(ev)
	}
	r.conclude()
	return more || left
}

// tellClock tells the engine what the wall clock shows, which may be set at
// any time.
func (r *Runner) tellClock() {
	if r.opt.Wall == nil || r.opt.Now().Before(r.clockTold.Add(clockEvery)) {
		return
	}
	r.clockTold = r.opt.Now()
	r.step(&vrrp.Clock{Wall: r.opt.Wall()})
}

// drain steps everything that has arrived, at most limit packets, and
// reports whether it stopped at the limit.
func (r *Runner) drain() bool {
	for range r.limit {
		if !r.opt.Wire.TryReceive(&r.received) {
			return false
		}
		r.step(&r.received)
	}
	return true
}

// tick steps the deadline when it has come.
func (r *Runner) tick() {
	if !r.next.IsZero() && !r.opt.Now().Before(r.next) {
		r.step(&vrrp.Tick{})
	}
}

// pop takes the oldest queued event, nil when there is none, and reports
// whether others are left.
func (r *Runner) pop() (ev vrrp.Event, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queued) == 0 {
		return nil, false
	}
	ev = r.queued[0]
	r.queued[0] = nil
	r.queued = r.queued[1:]
	return ev, len(r.queued) > 0
}

// answer serves waiting status requests without sleeping.
func (r *Runner) answer() {
	select {
	case answer := <-r.ask:
		answer <- r.snapshot()
	default:
	}
}

func (r *Runner) snapshot() Status {
	return Status{Routers: r.opt.Engine.Status(), Interfaces: r.opt.Engine.InterfaceDrops()}
}

// signal fills a channel of capacity 1.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
