package scenario_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vipd/vipd/vrrp/sim"
)

// TestScenariosWithTheRunner runs every scenario a second time with the loop of
// production around each engine, one goroutine for each director, in the time
// of a synctest bubble: the expectations and the invariants hold there too.
func TestScenariosWithTheRunner(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := sim.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			if s.Worlds()&sim.Bubble == 0 {
				t.Skip("a command of it needs another world")
			}
			synctest.Test(t, func(t *testing.T) {
				b := &bubble{began: time.Now(), wake: make(chan struct{}, 1)}
				defer b.close()
				// Timers of the loop know real time alone.
				s.Options.Stage, s.Options.DriftPPM = b, 0
				got, err := s.Run(load)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range got.Failures {
					t.Error(f)
				}
				if t.Failed() {
					t.Log(got.Trace)
				}
			})
		})
	}
}

// bubble is a stage whose daemons are runners. Its lock protects the world.
type bubble struct {
	began time.Time
	mu    sync.Mutex
	// wake is signalled when a daemon did something that may bring the next
	// happening forward.
	wake    chan struct{}
	daemons []*daemon
}

func (b *bubble) elapsed() time.Duration { return time.Since(b.began) }

// Start is part of sim.Stage; the world calls it under the lock.
func (b *bubble) Start(h *sim.Host) (sim.Daemon, sim.Engine) {
	engine := vrrp.NewEngine()
	d := &daemon{bubble: b, host: h, ready: make(chan struct{}, 1), gate: make(chan struct{}), done: make(chan struct{})}
	close(d.gate)
	d.Runner = runner.New(runner.Options{
		Wire: d, Links: d, Announcer: d, Observer: d, Overhear: func(a *vrrp.HandingOver) { d.act(a) },
		Engine: engine, Now: func() time.Time { return h.Time(b.elapsed()) },
	})
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	b.daemons = append(b.daemons, d)
	go d.run(ctx)
	return d, engine
}

// Settle is part of sim.Stage; the world calls it under the lock.
func (b *bubble) Settle() {
	b.mu.Unlock()
	synctest.Wait()
	b.mu.Lock()
}

// Run is part of sim.Stage.
func (b *bubble) Run(w *sim.World, until time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		w.Advance(b.elapsed())
		next := min(w.Next(), until)
		if b.elapsed() >= until && next >= until {
			return
		}
		b.mu.Unlock()
		select {
		case <-time.After(next - b.elapsed()):
		case <-b.wake:
		}
		b.mu.Lock()
	}
}

// close ends what still runs: no goroutine may outlive the bubble.
func (b *bubble) close() {
	for _, d := range b.daemons {
		d.Kill()
		<-d.done
	}
}

// daemon is a runner and everything it works with.
type daemon struct {
	*runner.Runner
	bubble *bubble
	host   *sim.Host
	stop   context.CancelFunc
	ready  chan struct{}
	done   chan struct{}

	mu     sync.Mutex
	queue  []vrrp.Received
	gate   chan struct{} // closed unless the daemon is paused
	killed bool
}

func (d *daemon) run(ctx context.Context) {
	defer close(d.done)
	if err := d.Run(ctx); err != nil {
		panic(err)
	}
	d.bubble.mu.Lock()
	defer d.bubble.mu.Unlock()
	d.host.Ended()
}

// Feed is part of sim.Daemon.
func (d *daemon) Feed(ev vrrp.Event) {
	switch ev := ev.(type) {
	case *vrrp.Received:
		d.mu.Lock()
		d.queue = append(d.queue, *ev)
		d.mu.Unlock()
		signal(d.ready)
	case *vrrp.Stop:
		d.stop()
	default:
		d.Do(ev)
	}
}

// Pause is part of sim.Daemon.
func (d *daemon) Pause(pause bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open()
	if pause {
		d.gate = make(chan struct{})
	}
}

func (d *daemon) open() {
	select {
	case <-d.gate:
	default:
		close(d.gate)
	}
}

// Kill is part of sim.Daemon.
func (d *daemon) Kill() {
	d.mu.Lock()
	d.killed = true
	d.open()
	d.mu.Unlock()
	signal(d.ready)
}

// TryReceive is part of runner.Wire. The loop calls it first of all in every
// turn, which is where a pause and a kill take hold.
func (d *daemon) TryReceive(p *vrrp.Received) bool {
	// What the world has read of the engine it has read before this turn.
	d.bubble.mu.Lock()
	d.bubble.mu.Unlock() //nolint:staticcheck // an empty section orders memory
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	<-gate
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.killed {
		runtime.Goexit()
	}
	if len(d.queue) == 0 {
		return false
	}
	*p, d.queue = d.queue[0], d.queue[1:]
	return true
}

// act carries out an action in the world.
func (d *daemon) act(a vrrp.Action) error {
	d.bubble.mu.Lock()
	defer d.bubble.mu.Unlock()
	signal(d.bubble.wake)
	return d.host.Act(d.bubble.elapsed(), a)
}

func (d *daemon) Ready() <-chan struct{}         { return d.ready }
func (d *daemon) Listen([]runner.Port) error     { return nil }
func (d *daemon) Relink(string) error            { return nil }
func (d *daemon) Send(a *vrrp.SendAdvert) error  { return d.act(a) }
func (d *daemon) Hold(a *vrrp.Hold)              { d.must(a) }
func (d *daemon) Release(a *vrrp.Release)        { d.must(a) }
func (d *daemon) Announce(a *vrrp.Gratuitous)    { d.must(a) }
func (d *daemon) Transition(a vrrp.Transition)   { d.must(&a) }
func (d *daemon) Drop(a vrrp.Drop)               { d.must(&a) }
func (d *daemon) Report(a vrrp.Report)           { d.must(&a) }
func (d *daemon) Cancel(vrrp.RouterID)           {}
func (d *daemon) Address(runner.AddressEvent)    {}
func (d *daemon) Flush(time.Duration) error      { return nil }
func (d *daemon) Status() []runner.AddressStatus { return nil }

// must carries out an action that cannot fail.
func (d *daemon) must(a vrrp.Action) {
	if err := d.act(a); err != nil {
		panic(err)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

var (
	_ sim.Stage        = (*bubble)(nil)
	_ sim.Daemon       = (*daemon)(nil)
	_ runner.Wire      = (*daemon)(nil)
	_ runner.Links     = (*daemon)(nil)
	_ runner.Announcer = (*daemon)(nil)
	_ runner.Observer  = (*daemon)(nil)
)
