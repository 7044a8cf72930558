package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// ErrYielded is returned by Run once another process goes on in its place.
var ErrYielded = errors.New("another process goes on")

// ErrBusy is returned by Yield when no moment was quiet enough.
var ErrBusy = errors.New("no quiet moment")

const (
	// longestYield bounds the time a successor gets while nothing is due.
	longestYield = 250 * time.Millisecond
	// quietPoll is how often a loop that is to yield looks whether its host
	// has become idle.
	quietPoll = time.Millisecond
)

// Left is what a loop leaves to the one that goes on: the election and the
// interfaces as they were last told.
type Left struct {
	Engine *vrrp.Image
	Links  []vrrp.Link
}

// yieldRequest asks the loop to yield.
type yieldRequest struct {
	ctx    context.Context
	quiet  time.Duration
	try    func(Left, time.Time) error
	answer chan error // capacity 1
}

// Yield ends Run with ErrYielded if try, called by the loop between two rounds,
// returns nil; then nothing of the election changes any more. Otherwise the loop
// goes on as if nothing had happened. The loop stands still during try, which
// starts when nothing is due for quiet at least and is told until when that is
// so. An engine that cannot be left gives vrrp.ErrLeaving.
func (r *Runner) Yield(ctx context.Context, quiet time.Duration, try func(left Left, until time.Time) error) error {
	y := &yieldRequest{ctx, quiet, try, make(chan error, 1)}
	select {
	case r.yields <- y:
	case <-r.done:
		return ErrStopped
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	return <-y.answer
}

// yield carries out a request to yield if this is the moment, and reports
// whether another process goes on.
func (r *Runner) yield() (gone bool) {
	y := r.yielding
	if y == nil {
		return false
	}
	until, quiet := r.quiet(y)
	switch {
	case y.ctx.Err() != nil:
		y.answer <- fmt.Errorf("%w: %w", ErrBusy, y.ctx.Err())
	case !quiet:
		return false
	default:
		image, err := r.opt.Engine.Image()
		if err == nil {
			err = y.try(Left{Engine: image, Links: r.links.list()}, until)
		}
		gone = err == nil
		y.answer <- err
	}
	r.yielding = nil
	return gone
}

// nextYield is where the next request comes from: one at a time.
func (r *Runner) nextYield() <-chan *yieldRequest {
	if r.yielding != nil || r.leaving {
		return nil
	}
	return r.yields
}

// refuseYield answers a request that came too late: the loop leaves.
func (r *Runner) refuseYield() {
	if r.yielding != nil {
		r.yielding.answer <- ErrStopped
		r.yielding = nil
	}
}

// quiet tells until when nothing is due, and whether that is enough.
func (r *Runner) quiet(y *yieldRequest) (until time.Time, enough bool) {
	now := r.opt.Now()
	until = now.Add(longestYield)
	if !r.next.IsZero() && r.next.Before(until) {
		until = r.next
	}
	idle := y.quiet == 0 || r.opt.Idle == nil || r.opt.Idle()
	return until, idle && !r.leaving && until.Sub(now) >= y.quiet
}

// resume makes the loop that of an engine which was left by another process.
func (r *Runner) resume(left *Left) {
	ports, _ := places(&vrrp.Configure{Routers: left.routers()})
	r.limit = drainPerPort * max(1, len(ports))
	for _, l := range left.Links {
		r.links.known[l.Interface] = l
	}
}

// routers returns the configurations in force.
func (l *Left) routers() []vrrp.Config {
	all := make([]vrrp.Config, 0, len(l.Engine.Routers))
	for _, m := range l.Engine.Routers {
		all = append(all, m.Config)
	}
	return all
}

// Interfaces returns the names of the interfaces that the routers left use or
// track.
func (l *Left) Interfaces() []string {
	_, names := places(&vrrp.Configure{Routers: l.routers(), Groups: l.Engine.Groups})
	return names
}
