package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
)

// start runs a runner until the returned function is called.
func start(t *testing.T, r *Runner) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// elect starts real engines with the given priorities on one segment.
func elect(t *testing.T, priorities ...uint8) []*node {
	s := &segment{}
	var nodes []*node
	for i, p := range priorities {
		n := run(t, s, Options{})
		n.Do(&vrrp.Configure{Routers: []vrrp.Config{config(p)}})
		n.Do(link(byte(i + 1)))
		nodes = append(nodes, n)
	}
	return nodes
}

// down is the master-down interval of a priority at one advert a second.
func down(priority uint8) time.Duration {
	return vrrp.MasterDownInterval(3, priority, time.Second)
}

func wantChanges(t *testing.T, name string, n *node, want ...change) {
	t.Helper()
	if diff := cmp.Diff(want, n.host.changes()); diff != "" {
		t.Errorf("transitions of %s (-want +got):\n%s", name, diff)
	}
}

func TestElectionIsExactToTheNanosecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := elect(t, 200, 150, 100)
		a, b, c := nodes[0], nodes[1], nodes[2]
		time.Sleep(60 * time.Second)
		a.stop()
		left := time.Since(a.host.start)
		skew := vrrp.SkewTime(3, 150, time.Second)
		second := left + skew
		time.Sleep(30*time.Second + 500*time.Millisecond)
		b.wire.unplug()
		// b's last advert that c heard: b sends every second from its start.
		last := second + (left + 30*time.Second + 500*time.Millisecond - second).Truncate(time.Second)
		time.Sleep(10 * time.Second)

		startup := change{0, vrrp.StateBackup, vrrp.ReasonStartup}
		wantChanges(t, "a", a, startup,
			change{down(200), vrrp.StateMaster, vrrp.ReasonMasterDown},
			change{left, vrrp.StateInitialize, vrrp.ReasonStop})
		wantChanges(t, "b", b, startup, change{second, vrrp.StateMaster, vrrp.ReasonMasterLeft})
		wantChanges(t, "c", c, startup, change{last + down(100), vrrp.StateMaster, vrrp.ReasonMasterDown})
		if got := a.wire.priorities(); !slices.Equal(got[len(got)-2:], []uint8{0, 0}) {
			t.Errorf("a's last adverts have priorities %v, want two zeros", got)
		}
		if a.host.holds() != 0 || b.host.holds() != 1 || c.host.holds() != 1 {
			t.Errorf("addresses held: a %d, b %d, c %d, want 0, 1, 1", a.host.holds(), b.host.holds(), c.host.holds())
		}
		b.stop()
		c.stop()
	})
}

func TestEffectsOfTakingOverAndLeavingAreOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := elect(t, 100)[0]
		time.Sleep(down(100))
		synctest.Wait()
		if diff := cmp.Diff([]string{"transition", "hold", "announce", "transition"}, n.host.effects()); diff != "" {
			t.Errorf("effects until master (-want +got):\n%s", diff)
		}
		if at := n.host.recorded[testID]; !at.Equal(time.Now()) {
			t.Errorf("advert recorded at %v, want now", at)
		}
		before := len(n.host.effects())
		n.stop()
		want := []string{"release", "cancel", "cancel", "transition", "flush"}
		if diff := cmp.Diff(want, n.host.effects()[before:]); diff != "" {
			t.Errorf("effects of leaving (-want +got):\n%s", diff)
		}
		if len(n.host.recorded) != 0 {
			t.Error("record still says master after leaving")
		}
		if time.Since(n.host.start) != down(100) {
			t.Error("leaving took time")
		}
	})
}

// stall makes a node's loop do nothing for d, like a process that is stopped
// or starved.
func stall(n *node, d time.Duration) {
	c := config(0)
	n.opt.Watch = func([]string) { time.Sleep(d) }
	c.Priority = uint8(n.opt.Engine.Status()[0].Priority)
	n.Do(&vrrp.Configure{Routers: []vrrp.Config{c}})
}

func TestLateBackupHearsBeforeItDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := elect(t, 200, 100)
		a, b := nodes[0], nodes[1]
		time.Sleep(10 * time.Second)
		synctest.Wait()
		stall(b, 30*time.Second) // eight master-downs; a's adverts wait in the queue
		time.Sleep(60 * time.Second)
		wantChanges(t, "b", b, change{0, vrrp.StateBackup, vrrp.ReasonStartup})
		if got := b.wire.priorities(); len(got) != 0 {
			t.Errorf("b sent adverts of priority %v, want none", got)
		}
		a.stop()
		b.stop()
	})
}

func TestSafety_3_5_LateMasterListensBeforeItAdverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := elect(t, 200, 100)
		a, b := nodes[0], nodes[1]
		time.Sleep(10 * time.Second)
		synctest.Wait()
		stall(a, 30*time.Second)
		time.Sleep(30*time.Second - 1)
		synctest.Wait()
		sent := len(a.wire.priorities())
		time.Sleep(time.Second)
		if got := a.host.changes(); got[len(got)-1].To != vrrp.StateBackup || got[len(got)-1].Reason != vrrp.ReasonSlept {
			t.Errorf("a's last transition is %+v, want backup because it slept", got[len(got)-1])
		}
		if len(a.wire.priorities()) != sent {
			t.Error("a sent an advert before it listened")
		}
		if a.host.holds() != 0 || b.host.holds() != 1 {
			t.Errorf("a holds %d addresses and b %d, want 0 and 1", a.host.holds(), b.host.holds())
		}
		a.stop()
		b.stop()
	})
}

// The order of one turn: packets, due deadline, queued events.
func TestSafety_3_5_PacketsThenTimerThenEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		due := time.Now().Add(time.Second)
		engine := &script{step: func(now time.Time, _ vrrp.Event) vrrp.Output {
			if now.Before(due) {
				return vrrp.Output{Next: due}
			}
			return vrrp.Output{}
		}}
		n := run(t, &segment{}, Options{Engine: engine, Watch: func([]string) { time.Sleep(5 * time.Second) }})
		n.Do(&vrrp.Configure{})
		synctest.Wait() // the loop is stalled now
		n.Do(&vrrp.LeaseLost{})
		n.wire.arrive(vrrp.Received{}, vrrp.Received{})
		time.Sleep(time.Minute)
		n.stop()
		var got []string
		for _, ev := range engine.seen() {
			got = append(got, fmt.Sprintf("%T", ev))
		}
		want := []string{"*vrrp.Configure", "*vrrp.Received", "*vrrp.Received", "*vrrp.LeaseLost", "*vrrp.Stop"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// A flood neither keeps the timer from its turn nor status requests waiting.
func TestFloodDoesNotStarveTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rounds = 10
		var n *node
		packets, ticks := 0, 0
		over := make(chan struct{})
		engine := &script{}
		engine.step = func(now time.Time, ev vrrp.Event) vrrp.Output {
			engine.events = nil
			switch ev.(type) {
			case *vrrp.Received:
				if packets++; packets < rounds*drainPerPort {
					n.wire.arrive(vrrp.Received{}) // always one more
				} else {
					close(over)
					return vrrp.Output{}
				}
			case *vrrp.Tick:
				ticks++
			}
			return vrrp.Output{Next: now} // always due
		}
		n = run(t, &segment{}, Options{Engine: engine})
		n.Do(&vrrp.TableReady{})
		n.wire.arrive(vrrp.Received{})
		if _, err := n.Runner.Status(t.Context()); err != nil {
			t.Errorf("Status during a flood: %v", err)
		}
		<-over
		n.stop()
		if ticks < rounds-1 {
			t.Errorf("%d ticks during %d packets, want one for every %d", ticks, packets, drainPerPort)
		}
	})
}

func TestFailedAdvertIsToldAndItsStrictHoldSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := vrrp.RouterID{Interface: "eth1", Family: vrrp.IPv4, VRID: 1}
		engine := &script{step: func(_ time.Time, ev vrrp.Event) vrrp.Output {
			if _, ok := ev.(*vrrp.TableReady); !ok {
				return vrrp.Output{}
			}
			return vrrp.Output{Actions: []vrrp.Action{
				&vrrp.SendAdvert{ID: testID, Priority: 100},
				&vrrp.Hold{ID: testID, AfterAdvert: true, Addresses: config(1).Addresses},
				&vrrp.Gratuitous{ID: testID},
				&vrrp.Hold{ID: other, AfterAdvert: true},
			}}
		}}
		n := run(t, &segment{}, Options{Engine: engine})
		n.wire.sendErr = errTest
		n.Do(&vrrp.TableReady{})
		synctest.Wait()
		n.stop()
		want := []vrrp.Event{&vrrp.TableReady{}, &vrrp.SendFailed{ID: testID, Err: errTest.Error()}, &vrrp.Stop{}}
		if diff := cmp.Diff(want, engine.seen()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"announce", "hold", "flush"}, n.host.effects()); diff != "" {
			t.Errorf("effects (-want +got):\n%s", diff)
		}
		if n.host.holds() != 0 || len(n.host.recorded) != 0 {
			t.Error("an advert that failed counted as sent")
		}
	})
}

// An engine that answers every failure with another advert cannot keep the
// loop from its other work.
func TestFailureOfAFailureReportDoesNotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &script{step: func(_ time.Time, ev vrrp.Event) vrrp.Output {
			if _, ok := ev.(*vrrp.Received); ok {
				return vrrp.Output{}
			}
			return vrrp.Output{Actions: []vrrp.Action{&vrrp.SendAdvert{ID: testID, Priority: 1}}}
		}}
		n := run(t, &segment{}, Options{Engine: engine})
		n.wire.sendErr = errTest
		n.Do(&vrrp.TableReady{})
		for range 3 {
			if _, err := n.Runner.Status(t.Context()); err != nil {
				t.Errorf("Status: %v", err)
			}
		}
		n.stop()
	})
}

func TestConfigureListensAndWatchesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		engine := &script{step: func(_ time.Time, ev vrrp.Event) vrrp.Output {
			order = append(order, fmt.Sprintf("%T", ev))
			return vrrp.Output{}
		}}
		n := run(t, &segment{}, Options{
			Engine: engine,
			Watch:  func(names []string) { order = append(order, fmt.Sprint("watch ", names)) },
			Claim:  func(c []vrrp.Config) { order = append(order, fmt.Sprint("claim ", len(c))) },
		})
		second, third := config(1), config(2)
		second.ID.Interface, third.ID.VRID = "bond0", 52
		n.Do(&vrrp.Configure{Routers: []vrrp.Config{config(1), second, third}})
		synctest.Wait()
		n.stop()
		want := []string{"claim 3", "watch [bond0 eth0]", "*vrrp.Configure", "*vrrp.Stop"}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]Port{{Interface: "eth0", Family: vrrp.IPv4, Group: vrrp.GroupIPv4}, {Interface: "bond0", Family: vrrp.IPv4, Group: vrrp.GroupIPv4}}, n.wire.ports, comparing); diff != "" {
			t.Errorf("ports (-want +got):\n%s", diff)
		}
	})
}

// The last router of an interface says goodbye there before it is left.
func TestRemovedRouterResigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := run(t, &segment{}, Options{})
		n.Do(link(1))
		n.Do(&vrrp.Configure{Routers: []vrrp.Config{config(100)}})
		time.Sleep(5 * time.Second)
		n.Do(&vrrp.Configure{})
		time.Sleep(5 * time.Second)
		n.stop()
		last := n.wire.sent[len(n.wire.sent)-1]
		if priority := last.Payload[2]; priority != 0 {
			t.Errorf("the last advert has priority %d", priority)
		}
		if len(n.wire.ports) != 0 {
			t.Errorf("still listens at %v", n.wire.ports)
		}
	})
}

// A router that cannot hear must not take part, and joins once it can.
func TestDeafInterfaceIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := run(t, &segment{}, Options{})
		n.wire.fail(errTest)
		n.wire.listenErr = errTest
		n.Do(&vrrp.Configure{Routers: []vrrp.Config{config(100)}})
		n.Do(link(1))
		time.Sleep(10*time.Second + 500*time.Millisecond)
		n.wire.fail(nil)
		time.Sleep(10 * time.Second)
		n.stop()
		heard := 11 * time.Second // the first retry after it works
		wantChanges(t, "n", n,
			change{0, vrrp.StateFault, vrrp.ReasonInterfaceDown},
			change{heard, vrrp.StateBackup, vrrp.ReasonInterfaceUp},
			change{heard + down(100), vrrp.StateMaster, vrrp.ReasonMasterDown},
			change{20*time.Second + 500*time.Millisecond, vrrp.StateInitialize, vrrp.ReasonStop})
		want := []vrrp.Report{{ID: vrrp.RouterID{Interface: "eth0"}, Kind: ReportListenFailed, Detail: errTest.Error()}}
		if diff := cmp.Diff(want, n.host.reports, comparing); diff != "" {
			t.Errorf("reports (-want +got):\n%s", diff)
		}
	})
}

func TestLinkChangeRelinksBeforeTheEngineHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relinked := -1
		var n *node
		engine := &script{step: func(_ time.Time, ev vrrp.Event) vrrp.Output {
			if _, ok := ev.(*vrrp.Link); ok {
				relinked = len(n.wire.relinked)
			}
			return vrrp.Output{}
		}}
		n = run(t, &segment{}, Options{Engine: engine})
		n.Do(&vrrp.Link{Interface: "eth0"})
		synctest.Wait()
		n.stop()
		if relinked != 1 {
			t.Errorf("relinked %d times before the engine heard, want once", relinked)
		}
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := elect(t, 100)[0]
		synctest.Wait()
		st, err := n.Runner.Status(t.Context())
		if err != nil || len(st.Routers) != 1 || st.Routers[0].State != vrrp.StateBackup || len(st.Addresses) != 1 {
			t.Errorf("Status = %+v, %v, want one backup and one address", st, err)
		}
		n.stop()
		if _, err := n.Runner.Status(t.Context()); !errors.Is(err, ErrStopped) {
			t.Errorf("Status after the end: %v, want ErrStopped", err)
		}
		idle := New(Options{Engine: &script{}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := idle.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Status of a runner that does not run: %v, want deadline exceeded", err)
		}
	})
}

func TestRunReturnsTheErrorOfFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newFakeHost()
		host.flushErr = errTest
		r := New(Options{Wire: (&segment{}).plug(), Links: host, Announcer: host, Observer: host})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Run(ctx); !errors.Is(err, errTest) {
			t.Errorf("Run = %v, want the error of Flush", err)
		}
		if host.flushBound > flushBound+RemovalBound {
			t.Errorf("flush may take %v, want at most %v", host.flushBound, flushBound+RemovalBound)
		}
	})
}

// TestFlushOfManyAddresses: the more there are, the longer leaving waits. One
// that is left behind stays for good.
func TestFlushOfManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newFakeHost()
		host.more = 2283
		r := New(Options{Wire: (&segment{}).plug(), Links: host, Announcer: host, Observer: host})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if want := flushBound + 2284*RemovalBound; host.flushBound != want {
			t.Errorf("flush may take %v, want %v", host.flushBound, want)
		}
	})
}

func TestEventsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &script{}
		n := run(t, &segment{}, Options{Engine: engine})
		var want []vrrp.Event
		for i := range 1000 {
			ev := &vrrp.LeaseLost{ID: vrrp.RouterID{VRID: uint8(i)}}
			want = append(want, ev)
			n.Do(ev)
		}
		synctest.Wait()
		if got := engine.seen(); !slices.Equal(want, got) {
			t.Errorf("%d events came in another order or number, want %d", len(got), len(want))
		}
		n.stop()
	})
}

// A hand-over goes on after Run's context has ended, in virtual time to the
// nanosecond; a configuration that comes late brings nothing back to life.
func TestRunHandsOver(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		peer  bool
		after time.Duration
	}{
		"to nobody":      {false, vrrp.HandOverBound(3, time.Second)},
		"to a successor": {true, vrrp.SkewTime(3, 100, time.Second) + 50*time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &segment{}
				graceful := config(200)
				graceful.HandOver = vrrp.HandOverGraceful
				n := run(t, s, Options{})
				n.Do(link(1))
				n.Do(&vrrp.Configure{Routers: []vrrp.Config{graceful}})
				time.Sleep(5 * time.Second)
				if test.peer {
					other := run(t, s, Options{})
					other.Do(link(2))
					other.Do(&vrrp.Configure{Routers: []vrrp.Config{config(100)}})
					defer other.stop()
					time.Sleep(5 * time.Second)
				}
				began := time.Now()
				left := make(chan struct{})
				go func() { n.stop(); close(left) }()
				synctest.Wait()
				n.Do(&vrrp.Configure{Routers: []vrrp.Config{graceful}})
				synctest.Wait()
				if n.host.holds() != 1 {
					t.Error("the address went before the hand-over ended")
				}
				<-left
				if got := time.Since(began); got != test.after {
					t.Errorf("left after %v, want %v", got, test.after)
				}
				if n.host.holds() != 0 {
					t.Error("the address stayed")
				}
			})
		})
	}
}

// The engine learns what the wall clock shows before the first packet and
// then once a second, however often the loop turns.
func TestWallClockIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &script{}
		wall := time.Unix(5, 0)
		n := run(t, &segment{}, Options{Engine: engine, Wall: func() time.Time { return wall }})
		for range 25 {
			time.Sleep(100 * time.Millisecond)
			n.wire.arrive(vrrp.Received{Interface: "eth0"})
		}
		n.stop()
		clocks := 0
		for _, ev := range engine.seen() {
			if c, ok := ev.(*vrrp.Clock); ok {
				clocks++
				if !c.Wall.Equal(wall) {
					t.Errorf("told %v", c.Wall)
				}
			}
		}
		if _, first := engine.seen()[0].(*vrrp.Clock); !first || clocks < 3 || clocks > 4 {
			t.Errorf("%d times in 2.5 s, first of all: %v", clocks, first)
		}
	})
}

// A removed master is heard, and its addresses are claimed, until it has handed
// over; then nothing of it is left.
func TestRemovedRouterKeepsItsPlaceUntilItHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &segment{}
		var claimed []int
		a := run(t, s, Options{Claim: func(c []vrrp.Config) { claimed = append(claimed, len(c)) }})
		b := run(t, s, Options{})
		for i, n := range []*node{a, b} {
			c := config([]uint8{200, 100}[i])
			c.HandOver = vrrp.HandOverGraceful
			n.Do(&vrrp.Configure{Routers: []vrrp.Config{c}})
			n.Do(link(byte(i + 1)))
		}
		time.Sleep(20 * time.Second)
		left := time.Since(a.host.start)
		a.Do(&vrrp.Configure{})
		synctest.Wait()
		if len(a.wire.ports) != 1 || a.host.holds() != 1 {
			t.Errorf("while it hands over: %d ports, %d addresses", len(a.wire.ports), a.host.holds())
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(a.wire.ports) != 0 || a.host.holds() != 0 || b.host.holds() != 1 {
			t.Errorf("after it has left: %d ports, %d addresses, the successor has %d", len(a.wire.ports), a.host.holds(), b.host.holds())
		}
		if diff := cmp.Diff([]int{1, 1, 0}, claimed); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
		skew := vrrp.SkewTime(3, 100, time.Second)
		changes := a.host.changes()
		want := change{left + skew + 50*time.Millisecond, vrrp.StateInitialize, vrrp.ReasonRemoved}
		if got := changes[len(changes)-1]; got != want {
			t.Errorf("it left %v, want %v", got, want)
		}
		a.stop()
		b.stop()
	})
}
