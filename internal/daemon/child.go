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
	// roleSupervisor is what starts the others.
	roleSupervisor = "supervisor"
)

// child keeps one role running: it starts it, configures it, and starts it
// again when it dies.
type child struct {
	name      string
	spawn     spawner
	handle    link.Handler                                     // notices from the role
	configure func(p *link.Peer, how beginning) error          // sends the present configuration
	report    func(level, message string, attr map[string]any) // to the event log
	// handOver returns how long the role may go on serving when told to
	// leave; nil means not at all.
	handOver func() time.Duration
	// beforePause, if set, is called before a pause between two lives.
	beforePause func(time.Duration)
	// began, if set, is told the process of each life.
	began func(role string, pid int)
	// spare has the process of the next life, if one is to be kept ready.
	spare *spare
	// last, if set, is called when the role has died: it does not live again.
	last func()
	// heir is the process that goes on after one that yielded; nil if there is
	// none after all. Its capacity is 1.
	heir chan *process

	mu       sync.Mutex
	peer     *link.Peer
	proc     *process
	since    time.Time
	restarts uint64
	lastErr  string
	stopping bool
	yielding bool // the role is about to let another process go on
	adopted  bool // the present life is an inherited one, and configured
}

// beginning is how the life of a role began.
type beginning uint8

const (
	firstLife beginning = iota
	nextLife            // after the death of the one before
	inherited           // going on where another process stood
)

// errNotRunning is the answer of a role that is between two lives.
var errNotRunning = errors.New("role is not running")

// run keeps the role alive until ctx ends or stop was called. The first
// configuration's error goes to first, which is then closed.
func (c *child) run(ctx context.Context, first chan<- error) {
	defer c.spare.end()
	failures := 0
	for life := 0; ctx.Err() == nil && !c.isStopping(); life++ {
		began := time.Now()
		err := c.live(ctx, life, first)
		first = nil
		if ctx.Err() != nil || c.isStopping() {
			return
		}
		if c.awaitHeir(ctx) {
			continue
		}
		if c.last != nil {
			c.died(err, "", map[string]any{})
			c.last()
			return
		}
		if time.Since(began) > stableAfter {
			failures = 0
		}
		delay := restartDelay(failures)
		failures++
		c.died(err, ", restarting", map[string]any{"delay": delay.String()})
		if delay > 0 && c.beforePause != nil {
			c.beforePause(delay)
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
}

// died records why the role ended, and tells of it and of what follows. The next
// life does not wait for the log.
func (c *child) died(err error, follows string, attrs map[string]any) {
	c.mu.Lock()
	c.restarts++
	c.lastErr = "ended"
	if err != nil {
		c.lastErr = err.Error()
	}
	attrs["role"], attrs["error"] = c.name, c.lastErr
	c.mu.Unlock()
	go c.report("error", fmt.Sprintf("role %s ended%s", c.name, follows), attrs)
}

// live is one life of the role, from start to end.
func (c *child) live(ctx context.Context, life int, first chan<- error) error {
	proc, how, err := c.begin(life)
	if err != nil {
		tell(first, err)
		return err
	}
	peer := link.New(proc.conn, c.handle)
	ended := make(chan error, 1)
	go func() { ended <- peer.Run(ctx) }()
	c.set(proc, peer)
	defer c.set(nil, nil)
	if c.isStopping() {
		peer.Close() // stop has found nobody to stop
	}
	if c.began != nil {
		c.began(c.name, proc.pid)
	}
	err = c.configure(peer, how)
	c.settled(how)
	tell(first, err)
	if err != nil && !errors.Is(err, link.ErrClosed) {
		c.report("error", fmt.Sprintf("configure role %s: %v", c.name, err), map[string]any{"role": c.name})
	}
	linkErr := c.outlive(ended)
	// Without a link the role leaves by itself; one that cannot is ended.
	return errors.Join(proc.awaitEnd(c.leaveBound()+stopBound), linkErr)
}

// outlive waits for the end of a life and meanwhile keeps a process for the next
// one.
func (c *child) outlive(ended <-chan error) error {
	timer := time.NewTimer(spareAfter)
	defer timer.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-timer.C:
		}
		c.spare.refill()
		timer.Reset(spareEvery)
	}
}

// begin returns the process of a new life: the heir of the one before, the spare,
// or one that is started.
func (c *child) begin(life int) (*process, beginning, error) {
	select {
	case proc := <-c.heir:
		if proc != nil {
			return proc, inherited, nil
		}
	default:
	}
	how := firstLife
	if life > 0 {
		how = nextLife
	}
	if proc := c.spare.take(); proc != nil {
		return proc, how, nil
	}
	proc, err := c.spawn(c.name)
	return proc, how, err
}

// awaitHeir waits, after the end of a role that yielded, for the process that
// goes on. It reports false when the role died.
func (c *child) awaitHeir(ctx context.Context) bool {
	c.mu.Lock()
	yielding := c.yielding
	c.yielding = false
	c.mu.Unlock()
	if !yielding {
		return false
	}
	select {
	case proc := <-c.heir:
		c.heir <- proc // for begin
	case <-ctx.Done():
	}
	return true
}

// yield lets the process go on that waits on a socket. After nil the role's
// process has ended or is about to, and the child waits for its heir; after an
// error everything is as before.
func (c *child) yield(ctx context.Context, socket string) error {
	c.mu.Lock()
	peer := c.peer
	c.yielding = peer != nil
	c.mu.Unlock()
	if peer == nil {
		return fmt.Errorf("yield role %s: %w", c.name, errNotRunning)
	}
	err := peer.Call(ctx, callYield, yieldOrder{Socket: socket}, nil)
	if err == nil {
		c.settled(firstLife) // this life is not the inherited one that is waited for
		peer.Close()
		return nil
	}
	c.mu.Lock()
	ended := !c.yielding
	c.yielding = false
	c.mu.Unlock()
	if ended {
		c.heir <- nil // it died meanwhile
	}
	return fmt.Errorf("yield role %s: %w", c.name, err)
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
	c.proc, c.peer, c.since, c.adopted = proc, peer, time.Now(), false
}

// settled notes that a life was configured.
func (c *child) settled(how beginning) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adopted = how == inherited
}

// awaitInherited waits until the role is an inherited process.
func (c *child) awaitInherited(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, takeOverBound)
	defer cancel()
	for {
		c.mu.Lock()
		adopted := c.adopted
		c.mu.Unlock()
		if adopted {
			return nil
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return fmt.Errorf("wait for role %s: %w", c.name, errNotRunning)
		}
	}
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
// within the bound is killed. Between two lives it answers errNotRunning, and
// there will be no next one.
func (c *child) stop(how any) error {
	c.mu.Lock()
	c.stopping = true
	peer, proc := c.peer, c.proc
	c.mu.Unlock()
	if peer == nil {
		return fmt.Errorf("stop role %s: %w", c.name, errNotRunning)
	}
	until := time.Now().Add(c.leaveBound())
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	err := peer.Call(ctx, callStop, how, nil)
	peer.Close()
	_ = proc.awaitEnd(time.Until(until)) // what it leaves undone is its answer, or what its records say
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
	spare := c.spare.pid()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := api.Role{Name: c.name, Running: c.proc != nil, Since: c.since, Restarts: c.restarts, Error: c.lastErr, Spare: spare}
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
