package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/internal/notify"
)

// fakeRole is a role that lives until it is told to stop or is killed.
type fakeRole struct {
	starts  atomic.Int32
	stopped atomic.Bool
	gone    atomic.Bool
	hangs   bool // does not answer stop
	onStop  func()
	// onInstances is told of elections.
	onInstances func(instanceStates)
	onSpawn     func()

	mu   sync.Mutex
	last *process
}

func (f *fakeRole) spawn(string) (*process, error) {
	if f.onSpawn != nil {
		f.onSpawn()
	}
	f.starts.Add(1)
	ours, theirs := net.Pipe()
	p := &process{conn: ours, pid: int(f.starts.Load()), done: make(chan struct{})}
	peer := link.New(theirs, f.handle)
	p.kill = peer.Close
	f.mu.Lock()
	f.last = p
	f.mu.Unlock()
	go func() {
		peer.Run(context.Background())
		close(p.done)
	}()
	return p, nil
}

func (f *fakeRole) handle(ctx context.Context, method string, body json.RawMessage) (any, error) {
	if method == callInstances {
		return nil, handled(body, f.onInstances)
	}
	if method == callStop {
		f.stopped.Store(true)
		if f.onStop != nil {
			f.onStop()
		}
		if f.hangs {
			<-ctx.Done()
		}
	}
	return nil, nil
}

func (f *fakeRole) crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last.kill()
}

// startChild runs a child around the fake role and records how each life was
// configured.
func startChild(f *fakeRole) (c *child, restarted chan bool, end func()) {
	restarted = make(chan bool, 100)
	c = &child{
		name: roleRouter, spawn: f.spawn,
		handle: func(context.Context, string, json.RawMessage) (any, error) { return nil, nil },
		configure: func(p *link.Peer, how beginning) error {
			restarted <- how == nextLife
			return callConfigured(p, callConfigure, nil)
		},
		report: func(string, string, map[string]any) {},
	}
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error, 1)
	done := make(chan struct{})
	go func() { c.run(ctx, first); close(done) }()
	<-first
	return c, restarted, func() { cancel(); <-done }
}

func TestDeadRoleIsRestartedAtOnceAsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeRole{}
		c, restarted, end := startChild(f)
		defer end()
		if <-restarted {
			t.Error("the first life was configured as a restart")
		}
		before := time.Now()
		f.crash()
		if !<-restarted {
			t.Error("the second life was not configured as a restart")
		}
		if d := time.Since(before); d != 0 {
			t.Errorf("restart took %v, want none", d)
		}
		if st := c.status(); st.Restarts != 1 || !st.Running || st.PID != 2 {
			t.Errorf("status after one crash: %+v", st)
		}
	})
}

func TestCrashLoopBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeRole{}
		_, restarted, end := startChild(f)
		defer end()
		<-restarted
		for _, want := range []time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second, 5 * time.Second} {
			before := time.Now()
			f.crash()
			<-restarted
			if d := time.Since(before); d != want {
				t.Errorf("pause %v, want %v", d, want)
			}
		}
		time.Sleep(2 * stableAfter)
		before := time.Now()
		f.crash()
		<-restarted
		if d := time.Since(before); d != 0 {
			t.Errorf("pause after a long life %v, want none", d)
		}
	})
}

func TestStopAsksTheRoleAndEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeRole{}
		c, _, end := startChild(f)
		defer end()
		if err := c.stop(nil); err != nil {
			t.Errorf("stop: %v", err)
		}
		if !f.stopped.Load() || f.starts.Load() != 1 {
			t.Errorf("stopped %v after %d starts, want true after 1", f.stopped.Load(), f.starts.Load())
		}
		if err := c.call(t.Context(), callPing, nil, nil); !errors.Is(err, errNotRunning) && !errors.Is(err, link.ErrClosed) {
			t.Errorf("call after stop: %v", err)
		}
	})
}

// TestRoleThatStartsDuringAStop: one that was being started when the stop found
// none does not stay.
func TestRoleThatStartsDuringAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeRole{}
		c, restarted, end := startChild(f)
		defer end()
		<-restarted
		f.onSpawn = func() {
			if err := c.stop(nil); !errors.Is(err, errNotRunning) {
				t.Errorf("stop between two lives: %v", err)
			}
		}
		f.crash()
		synctest.Wait()
		if st := c.status(); f.starts.Load() != 2 || st.Running {
			t.Errorf("after %d starts the role runs: %v", f.starts.Load(), st.Running)
		}
	})
}

func TestRoleThatHangsAtStopIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeRole{hangs: true}
		c, _, end := startChild(f)
		defer end()
		before := time.Now()
		if err := c.stop(nil); err == nil {
			t.Error("a hanging role was stopped without an error")
		}
		if d := time.Since(before); d > time.Second {
			t.Errorf("stop took %v, want at most a second", d)
		}
	})
}

// The addresses leave before the table that serves them.
func TestSafety_2_7_AddressesLeaveBeforeTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var router, checker fakeRole
		r, _, endRouter := startChild(&router)
		defer endRouter()
		c, _, endChecker := startChild(&checker)
		defer endChecker()
		late := time.Second
		checker.onStop = func() {
			if !router.gone.Load() {
				t.Error("the checker was told to leave while the router was there")
			}
		}
		router.onStop = func() { time.Sleep(late); router.gone.Store(true) }
		r.handOver = func() time.Duration { return 2 * late }
		events := newEventLog(newLogger(io.Discard, "info", "text"))
		s := &supervisor{opt: Options{RuntimeDir: t.TempDir()}, cfg: &conf.Config{}, router: r, checker: c, events: events, hooks: newHooks(func(string, string, map[string]any) {})}
		s.alerts = newAlerts(events.add, s.hooks.start, func(notify.Change) {})
		if err := s.leave(&signalSet{}); err != nil {
			t.Error(err)
		}
		if !router.stopped.Load() || !checker.stopped.Load() {
			t.Error("a role was not told to leave")
		}
	})
}

// TestDeathOfAMortalRole: where roles are not to be started again, the first
// death is told and is the last.
func TestDeathOfAMortalRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var role fakeRole
		var deaths []string
		ends := 0
		c := &child{
			name: "router", spawn: role.spawn, handle: func(context.Context, string, json.RawMessage) (any, error) { return nil, nil },
			configure: func(*link.Peer, beginning) error { return nil }, heir: make(chan *process, 1),
			report: func(_, message string, _ map[string]any) { deaths = append(deaths, message) },
			last:   func() { ends++ },
		}
		over := make(chan struct{})
		go func() {
			c.run(t.Context(), make(chan error, 1))
			close(over)
		}()
		synctest.Wait()
		role.mu.Lock()
		role.last.kill()
		role.mu.Unlock()
		<-over
		synctest.Wait() // until it is told
		if role.starts.Load() != 1 || ends != 1 || len(deaths) != 1 || deaths[0] != "role router ended" {
			t.Errorf("%d starts, %d ends, said %q", role.starts.Load(), ends, deaths)
		}
	})
}

// TestStopCutsTheStartShort: a stop does not wait for roles that hang in their
// first configuration.
func TestStopCutsTheStartShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &supervisor{stopAsked: make(chan struct{}), configured: make(chan struct{})}
		starting, end := s.untilStop(t.Context())
		defer end()
		go func() {
			time.Sleep(time.Second)
			close(s.stopAsked)
		}()
		began := time.Now()
		s.begin(starting, t.Context(), []chan error{make(chan error), make(chan error)}, &sync.WaitGroup{})
		if took := time.Since(began); took != time.Second {
			t.Errorf("the start goes on for %v", took)
		}
		select {
		case <-s.configured:
			t.Error("the roles are taken for configured")
		default:
		}
	})
}
