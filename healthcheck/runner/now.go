package runner

import (
	"context"
	"errors"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// ErrUnknownKey is the answer of ProbeNow for a key that is not one of the
// last Apply.
var ErrUnknownKey = errors.New("no such probe")

// ProbeNow starts the probe of k at once, unless it is under way already, and
// returns its result, which counts like any other. The slots after it follow
// from now.
func (r *Runner) ProbeNow(ctx context.Context, k healthcheck.Key) (healthcheck.Result, error) {
	answer := make(chan healthcheck.Result, 1)
	r.mu.Lock()
	e := r.state.entries.find(k)
	if e == nil {
		r.mu.Unlock()
		return healthcheck.Result{}, ErrUnknownKey
	}
	e.waiters = append(e.waiters, answer)
	r.state.schedule.Hasten(e, time.Now())
	r.mu.Unlock()
	r.Wake()
	select {
	case result, ok := <-answer:
		if !ok {
			return healthcheck.Result{}, ErrUnknownKey
		}
		return result, nil
	case <-ctx.Done():
		return healthcheck.Result{}, ctx.Err()
	}
}

// Advice returns what the last success of a probe said about the weight.
func (r *Runner) Advice(k healthcheck.Key) healthcheck.Advice {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.state.entries.find(k); e != nil {
		return e.health.Advice()
	}
	return healthcheck.Advice{}
}

// answer hands a result to those who asked for it. Their channels have room.
func (e *entry) answer(result healthcheck.Result) {
	for _, w := range e.waiters {
		w <- result
	}
	e.waiters = nil
}

// dismiss tells those who wait that there will be no result.
func (e *entry) dismiss() {
	for _, w := range e.waiters {
		close(w)
	}
	e.waiters = nil
}
