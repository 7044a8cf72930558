package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/track"
	"github.com/vipd/vipd/vrrp"
)

// tracking brings what the supervisor observes to the router role. It always
// sends all verdicts: one message that is lost or late costs nothing.
type tracking struct {
	s       *supervisor
	manager *track.Manager
	changed chan struct{} // capacity 1
}

// serviceEvery is how often the checker is asked for the state of the virtual
// servers that are tracked.
const serviceEvery = 500 * time.Millisecond

// firstLook bounds how long the first router waits for what is tracked to have
// been looked at once. It begins with what is so then, and does not tell of
// being backup what is in fault. keepalived waits as long as a script takes.
const firstLook = time.Second

func newTracking(s *supervisor) *tracking {
	t := &tracking{s: s, changed: make(chan struct{}, 1)}
	t.manager = track.New(t.report)
	return t
}

// apply observes what the configuration tracks from now on.
func (t *tracking) apply(c *conf.Config) {
	t.manager.SetBuffer(c.Global.Processes)
	t.manager.Apply(c.Tracking)
}

// awaitFirst waits for the first verdicts.
func (t *tracking) awaitFirst(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	t.manager.AwaitFirst(ctx)
}

func (t *tracking) verdicts() []vrrp.Observed { return t.manager.Verdicts() }

// report takes a change of a tracked thing.
func (t *tracking) report(o vrrp.Observed) {
	level := "info"
	if o.State == vrrp.TrackDown {
		level = "warn"
	}
	attrs := map[string]any{"kind": string(o.ID.Kind), "name": o.ID.Name, "state": o.State.String(), "detail": o.Detail}
	message := fmt.Sprintf("%s is %s", o.ID, o.State)
	if o.ID.Kind == vrrp.TrackFile {
		attrs["value"] = o.Value
		message = fmt.Sprintf("%s is %d", o.ID, o.Value)
	}
	t.s.add(level, "track", message, attrs)
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// run passes changes on until ctx ends. Then all observers have ended too.
func (t *tracking) run(ctx context.Context) {
	defer t.manager.Close()
	services := time.NewTicker(serviceEvery)
	defer services.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.changed:
			t.send(ctx)
		case <-services.C:
			t.askServices(ctx)
		}
	}
}

// send gives the router role all verdicts. One between two lives gets them
// with its configuration.
func (t *tracking) send(ctx context.Context) {
	t.s.telling.Lock()
	defer t.s.telling.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := t.s.router.call(ctx, callObserved, t.verdicts(), nil)
	if err != nil && !errors.Is(err, errNotRunning) && ctx.Err() == nil {
		t.s.warn("track", "tell router: "+err.Error(), nil)
	}
}

// askServices learns the state of the virtual servers that are tracked. While
// the checker does not answer the last state stands.
func (t *tracking) askServices(ctx context.Context) {
	names := t.s.config().Tracking.Services
	if len(names) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, serviceEvery)
	defer cancel()
	var states []vrrp.Observed
	if t.s.checker.call(ctx, callServices, names, &states) != nil {
		return
	}
	for _, o := range states {
		t.manager.Tell(o)
	}
}
