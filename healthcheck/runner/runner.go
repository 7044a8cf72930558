// Package runner runs the health checks of a director: it starts the probes
// that the schedule says are due, feeds their results to the health of their
// key and tells when a verdict changes.
//
//	Apply ──► keys ──► Schedule ──due──► Begin, or goroutine: Probe ──result──► Health
//	                      ▲                                                       │ verdict
//	                      └───────────────────── next slot ◄──────────────────────┤ changed
//	                                                                              ▼
//	                                                               OnUpdate, in order
package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// Options configure a Runner.
type Options struct {
	// Probe carries out one probe. It must return by itself within the
	// timeout of the key's settings, and soon after ctx is done.
	Probe func(ctx context.Context, k healthcheck.Key) healthcheck.Result
	// Begin, if any, is asked first: it may start probes without goroutines of
	// their own, and marks those it started. It must neither block nor call
	// Landed itself: that is told of each once, later and from elsewhere, or
	// never when Run is leaving.
	Begin func(starts []healthcheck.Start)
	// Alarm, if any, stands in for a timer: it makes Wake be called at a time, or
	// not at all for the zero time. Each call replaces what the last one said.
	Alarm func(at time.Time)
	// OnUpdate, if any, is told each change of a verdict or an advice, and each
	// failure or result of the keys that want it, in order, from one goroutine. It may take its time: no probe waits for it.
	OnUpdate func(Update)
	// Limit bounds how many probes are busy at the same time; 0 = 256. A
	// probe that has been waiting for its server for more than Patience no
	// longer counts: it costs a descriptor, and holding its place would delay
	// the checks of healthy servers when many others hang. As the probes of
	// one key never overlap, no more than one per key is ever under way.
	Limit int
	// PerTarget bounds how many probes of one address are under way at the
	// same time; 0 = 16. The others wait until one of them ends.
	PerTarget int
	// Patience is how long a probe counts against Limit; 0 = 50 ms.
	Patience time.Duration
	// History is how many recent results, and as many older failures, are
	// kept per key; 0 = 10.
	History int
}

// Update tells that the verdict on a key changed or, when Old and New are the
// same, that the advice on the weight did.
type Update struct {
	Key      healthcheck.Key
	Old, New healthcheck.Verdict
	Last     healthcheck.Result // the one that changed it
	Routine  bool               // nothing changed: it is for the log file alone
}

// Runner runs the probes of a set of keys. Its methods may be called from any
// goroutine, Apply and the questions also before Run.
type Runner struct {
	options Options
	wake    chan struct{} // capacity 1: something is to do before the timer
	updates *mailbox

	mu    sync.Mutex
	state *state
	alarm time.Time // when Run wakes up by itself; zero = never
	rest  time.Time // no earlier than this

	starts []healthcheck.Start // memory for startDue
}

// New returns a Runner without keys.
func New(o Options) *Runner {
	if o.Limit <= 0 {
		o.Limit = 256
	}
	if o.PerTarget <= 0 {
		o.PerTarget = 16
	}
	if o.Patience <= 0 {
		o.Patience = 50 * time.Millisecond
	}
	if o.History <= 0 {
		o.History = 10
	}
	return &Runner{
		options: o,
		wake:    make(chan struct{}, 1),
		updates: newMailbox(),
		state:   newState(o),
	}
}

// Apply makes the keys the ones to probe; duplicates count once. A key that
// was there before keeps its state and its slot. A new one starts Unknown,
// unless a key with the same target and settings leaves at the same time: then
// only the timing was changed, and verdict and history go over to the new key
// (with an Update from Unknown to the verdict). Probes of keys that left are
// cancelled; updates on them that are still queued are delivered.
func (r *Runner) Apply(keys []healthcheck.Key) {
	r.mu.Lock()
	r.tell(r.state.apply(keys, time.Now())...)
	r.mu.Unlock()
	r.Wake()
}

// tell queues updates. The caller holds the mutex, which keeps them in order.
func (r *Runner) tell(updates ...Update) {
	if r.options.OnUpdate != nil {
		r.updates.put(updates)
	}
}

// Wake makes Run look at the state again.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run probes until ctx is done, then waits for the probes under way, which it
// cancels, and for a call of OnUpdate in progress. It returns nil, or an error
// if the options have no Probe. It must be called once only.
func (r *Runner) Run(ctx context.Context) error {
	if r.options.Probe == nil {
		return errors.New("run health checks: no probe function")
	}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.options.OnUpdate != nil {
		helpers.Go(func() { r.updates.deliver(ctx, r.options.OnUpdate) })
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		r.wind(timer, r.startDue(ctx, &helpers))
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-timer.C:
		}
	}
}

// startDue starts the probes that are due and returns when something may be to
// do again, zero for never.
func (r *Runner) startDue(ctx context.Context, helpers *sync.WaitGroup) (next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	flights := r.state.takeOff(now)
	r.begin(flights)
	for i, f := range flights {
		if r.starts[i].Begun {
			continue
		}
		probing, cancel := context.WithCancel(ctx)
		f.cancel = cancel
		key := r.starts[i].Key
		helpers.Go(func() { r.fly(probing, f, key) })
	}
	if len(flights) > 0 {
		r.rest = now.Add(r.state.tick)
	}
	r.alarm = r.next()
	return r.alarm
}

// wind makes Run wake up at a time, or never by itself for the zero time.
func (r *Runner) wind(timer *time.Timer, at time.Time) {
	switch {
	case r.options.Alarm != nil:
		r.options.Alarm(at)
	case at.IsZero():
		timer.Stop()
	default:
		timer.Reset(time.Until(at))
	}
}

// next returns when Run has something to do by itself: what is due before the
// end of a rest starts together. Zero means never.
func (r *Runner) next() time.Time {
	next, ok := r.state.next()
	switch {
	case !ok:
		return time.Time{}
	case next.Before(r.rest):
		return r.rest
	}
	return next
}

// begin starts what needs no goroutine.
func (r *Runner) begin(flights []*flight) {
	r.starts = r.starts[:0]
	for _, f := range flights {
		r.starts = append(r.starts, healthcheck.Start{Key: f.key(), ID: f})
	}
	if r.options.Begin != nil && len(r.starts) > 0 {
		r.options.Begin(r.starts)
	}
}

// fly carries out one probe.
func (r *Runner) fly(ctx context.Context, f *flight, key healthcheck.Key) {
	defer f.cancel()
	result := r.options.Probe(ctx, key)
	f.void = ctx.Err() != nil
	r.Landed([]healthcheck.End{{ID: f, Result: result}})
}

// Landed takes in the ends of probes that Begin started, and wakes Run up if
// they change what it waits for.
func (r *Runner) Landed(ends []healthcheck.End) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, crowded := time.Now(), r.state.crowded()
	for _, end := range ends {
		if u, changed := r.state.land(end.ID.(*flight), end.Result, now); changed {
			r.tell(u)
		}
	}
	if next := r.next(); crowded || !next.IsZero() && (r.alarm.IsZero() || next.Before(r.alarm)) {
		r.Wake()
	}
}

// FirstRound returns a channel that is closed once every key of the last
// Apply has had at least one result, conclusive or not; at once after an Apply
// without keys, not before the first Apply. An Apply with new keys opens a
// closed round again with another channel.
func (r *Runner) FirstRound() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.round
}

// Status returns a snapshot of all keys in the order of
// healthcheck.CompareKeys.
func (r *Runner) Status() []healthcheck.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.status()
}

// StatusOf returns a snapshot of one key; that of one which is not of the last
// Apply is empty.
func (r *Runner) StatusOf(k healthcheck.Key) healthcheck.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.state.entries.find(k); e != nil {
		return r.state.statusOf(e)
	}
	return healthcheck.Status{}
}

// Verdict returns the present verdict on a key; Unknown when it is not one of
// the keys of the last Apply.
func (r *Runner) Verdict(k healthcheck.Key) healthcheck.Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.state.entries.find(k); e != nil {
		return e.health.Verdict()
	}
	return healthcheck.Unknown
}

// History returns what is kept of a key's results, oldest first.
func (r *Runner) History(k healthcheck.Key) []healthcheck.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.state.entries.find(k); e != nil {
		return e.history.Results()
	}
	return nil
}
