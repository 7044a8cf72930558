package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
)

// Names of the roles.
const (
	roleRouter  = "router"
	roleChecker = "checker"
)

// child keeps one role running: it starts it, configures it, and starts it
// again when it dies.
type child struct {
	name      string
	spawn     spawner
	handle    link.Handler                                     // notices from the role
	configure func(p *link.Peer, restarted bool) error         // sends the present configuration
	report    func(level, message string, attr map[string]any) // to the event log
	// handOver returns how long the role may go on serving when told to
	// leave; nil means not at all.
	handOver func() time.Duration
	// beforePause, if set, is called before a pause between two lives.
	beforePause func(time.Duration)

	mu       sync.Mutex
	peer     *link.Peer
	proc     *process
	since    time.Time
	restarts uint64
	lastErr  string
	stopping bool
}

// errNotRunning is the answer of a role that is between two lives.
var errNotRunning = errors.New("role is not running")

// run keeps the role alive until ctx ends or stop was called. The first
// configuration's error goes to first, which is then closed.
func (c *child) run(ctx context.Context, first chan<- error) {
	failures := 0
	for life := 0; ctx.Err() == nil && !c.isStopping(); life++ {
		began := time.Now()
		err := c.live(ctx, life, first)
		first = nil
		if ctx.Err() != nil || c.isStopping() {
			return
		}
		if time.Since(began) > stableAfter {
			failures = 0
		}
		delay := restartDelay(failures)
		failures++
		c.died(err, delay)
		if delay > 0 && c.beforePause != nil {
			c.beforePause(delay)
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
}

// died records why the role ended.
func (c *child) died(err error, delay time.Duration) {
	c.mu.Lock()
	c.restarts++
	c.lastErr = "ended"
	if err != nil {
		c.lastErr = err.Error()
	}
	c.mu.Unlock()
	c.report("error", fmt.Sprintf("role %s ended, restarting", c.name),
		map[string]any{"role": c.name, "error": c.lastErr, "delay": delay.String()})
}

// live is one life of the role, from start to end.
func (c *child) live(ctx context.Context, life int, first chan<- error) error {
	proc, err := c.spawn(c.name)
	if err != nil {
		tell(first, err)
		return err
	}
	peer := link.New(proc.conn, c.handle)
	ended := make(chan error, 1)
	go func() { ended <- peer.Run(ctx) }()
	c.set(proc, peer)
	defer c.set(nil, nil)

	err = c.configure(peer, life > 0)
	tell(first, err)
	if err != nil && !errors.Is(err, link.ErrClosed) {
		c.report("error", fmt.Sprintf("configure role %s: %v", c.name, err), map[string]any{"role": c.name})
	}
	linkErr := <-ended
	// Without a link the role leaves by itself; one that cannot is ended.
	select {
	case <-proc.done:
	case <-time.After(c.leaveBound() + stopBound):
		proc.kill()
		<-proc.done
	}
	return errors.Join(proc.err, linkErr)
}

// tell sends the outcome of the first configuration, once.
func tell(first chan<- error, err error) {
	if first != nil {
		first <- err
		close(first)
	}
}

func (c *child) set(proc *process, peer *link.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proc, c.peer, c.since = proc, peer, time.Now()
}

func (c *child) isStopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopping
}

// call asks the role; between two lives it answers errNotRunning at once.
func (c *child) call(ctx context.Context, method string, in, out any) error {
	c.mu.Lock()
	peer := c.peer
	c.mu.Unlock()
	if peer == nil {
		return fmt.Errorf("call %s of %s: %w", method, c.name, errNotRunning)
	}
	return peer.Call(ctx, method, in, out)
}

// stop asks the role to leave and waits until it has; one that does not
// within the bound is killed.
func (c *child) stop(how any) error {
	c.mu.Lock()
	c.stopping = true
	peer, proc := c.peer, c.proc
	c.mu.Unlock()
	if peer == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.leaveBound())
	defer cancel()
	err := peer.Call(ctx, callStop, how, nil)
	peer.Close()
	select {
	case <-proc.done:
	case <-ctx.Done():
		proc.kill()
		<-proc.done
	}
	if err != nil {
		return fmt.Errorf("stop role %s: %w", c.name, err)
	}
	return nil
}

// leaveBound is how long the role may take to leave.
func (c *child) leaveBound() time.Duration {
	if c.handOver == nil {
		return stopBound
	}
	return c.handOver() + stopBound
}

// status is the role as `vipd status` shows it.
func (c *child) status() api.Role {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := api.Role{Name: c.name, Running: c.proc != nil, Since: c.since, Restarts: c.restarts, Error: c.lastErr}
	if c.proc != nil {
		r.PID = c.proc.pid
	}
	return r
}

// decode is the first line of every handler.
func decode[T any](body json.RawMessage) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fmt.Errorf("decode message: %w", err)
	}
	return v, nil
}
