package runner_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/runner"
)

// servers is a fake network: what a probe of an address says and how long it
// takes, and a record of all starts.
type servers struct {
	mu     sync.Mutex
	class  map[netip.AddrPort]healthcheck.Class
	takes  map[netip.AddrPort]time.Duration
	starts map[netip.AddrPort][]time.Time
	open   int // probes under way
	most   int // of open
}

func newServers() *servers {
	return &servers{
		class:  map[netip.AddrPort]healthcheck.Class{},
		takes:  map[netip.AddrPort]time.Duration{},
		starts: map[netip.AddrPort][]time.Time{},
	}
}

func (s *servers) set(k healthcheck.Key, c healthcheck.Class, takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.class[k.Target], s.takes[k.Target] = c, takes
}

func (s *servers) startsOf(k healthcheck.Key) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.starts[k.Target])
}

func (s *servers) Probe(ctx context.Context, k healthcheck.Key) healthcheck.Result {
	s.mu.Lock()
	class, takes := s.class[k.Target], s.takes[k.Target]
	s.starts[k.Target] = append(s.starts[k.Target], time.Now())
	s.open++
	s.most = max(s.most, s.open)
	s.mu.Unlock()
	r := healthcheck.Result{At: time.Now(), Class: class}
	if class == "" {
		r.Class = healthcheck.ClassOK
	}
	select {
	case <-time.After(min(takes, k.Settings.Timeout)):
	case <-ctx.Done():
		r.Class = healthcheck.ClassTimeout
	}
	if takes > k.Settings.Timeout {
		r.Class = healthcheck.ClassTimeout
	}
	r.Duration = time.Since(r.At)
	s.mu.Lock()
	s.open--
	s.mu.Unlock()
	return r
}

func key(n int) healthcheck.Key {
	return healthcheck.Key{
		Target:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 80),
		Settings: healthcheck.Settings{Kind: healthcheck.KindTCP, Timeout: 3 * time.Second},
		Timing:   healthcheck.Timing{Interval: time.Second, Rise: 1, Fall: 2},
	}
}

func keys(n int) []healthcheck.Key {
	var all []healthcheck.Key
	for i := range n {
		all = append(all, key(i))
	}
	return all
}

// updates records what OnUpdate is told.
type updates struct {
	mu  sync.Mutex
	all []runner.Update
}

func (u *updates) add(x runner.Update) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = append(u.all, x)
}

// take returns the updates since the last call as "10.0.0.1 unknown→up".
func (u *updates) take() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var lines []string
	for _, x := range u.all {
		lines = append(lines, fmt.Sprintf("%s %s→%s", x.Key.Target.Addr(), x.Old, x.New))
	}
	u.all = nil
	return lines
}

// world is a runner under test in a bubble.
type world struct {
	*testing.T
	*runner.Runner
	servers *servers
	updates *updates
	begin   time.Time
}

// inBubble runs test with a runner that runs until test returns.
func inBubble(t *testing.T, o runner.Options, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, servers: newServers(), updates: &updates{}, begin: time.Now()}
		o.Probe, o.OnUpdate = w.servers.Probe, w.updates.add
		w.Runner = runner.New(o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Runner.Run(ctx) }()
		test(w)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if w.servers.open != 0 {
			t.Errorf("%d probes still run after Run returned", w.servers.open)
		}
	})
}

// after lets virtual time pass and everything settle.
func (w *world) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestVerdictsFollowRiseAndFall(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		k := key(1)
		w.Apply([]healthcheck.Key{k})
		w.after(time.Second)
		expect(w, []string{"10.0.0.1 unknown→up"}, w.updates.take())
		w.servers.set(k, healthcheck.ClassRefused, 0)
		w.after(time.Second)
		expect(w, nil, w.updates.take())
		w.after(time.Second)
		expect(w, []string{"10.0.0.1 up→down"}, w.updates.take())
		if got := w.Verdict(k); got != healthcheck.Down {
			w.Errorf("Verdict = %v, want down", got)
		}
		w.servers.set(k, healthcheck.ClassOK, 0)
		w.after(time.Second)
		expect(w, []string{"10.0.0.1 down→up"}, w.updates.take())
	})
}

func expect[T any](w *world, want, got T) {
	w.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		w.Errorf("after %v (-want +got):\n%s", time.Since(w.begin), diff)
	}
}

func TestProbesAreOneIntervalApartToTheNanosecond(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		k := key(7)
		w.servers.set(k, healthcheck.ClassOK, 300*time.Millisecond)
		w.Apply([]healthcheck.Key{k})
		w.after(10 * time.Second)
		starts := w.servers.startsOf(k)
		if len(starts) != 10 {
			w.Fatalf("%d probes in 10 s, want 10", len(starts))
		}
		for i := 1; i < len(starts); i++ {
			if gap := starts[i].Sub(starts[i-1]); gap != time.Second {
				w.Errorf("probe %d began %v after the one before", i, gap)
			}
		}
	})
}

func TestHungProbesDelayNobody(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		all := keys(300)
		for _, k := range all[:255] { // as good as the whole limit
			w.servers.set(k, "", time.Hour)
		}
		w.Apply(all)
		w.after(20 * time.Second)
		for _, k := range all[255:] {
			starts := w.servers.startsOf(k)
			if len(starts) != 20 {
				w.Errorf("%s was probed %d times in 20 s", k.Target, len(starts))
			}
			for i := 1; i < len(starts); i++ {
				if gap := starts[i].Sub(starts[i-1]); gap != time.Second {
					w.Errorf("probe %d of %s began %v after the one before", i, k.Target, gap)
				}
			}
		}
	})
}

func TestHungProbesBeyondTheLimitDelayByPatience(t *testing.T) {
	const patience = 20 * time.Millisecond
	inBubble(t, runner.Options{Limit: 4, Patience: patience}, func(w *world) {
		all := keys(20)
		for _, k := range all[:10] {
			w.servers.set(k, "", time.Hour)
		}
		w.Apply(all)
		w.after(30 * time.Second)
		for _, k := range all[10:] {
			starts := w.servers.startsOf(k)
			if len(starts) < 29 {
				w.Errorf("%s was probed %d times in 30 s", k.Target, len(starts))
			}
			for i := 1; i < len(starts); i++ {
				late := starts[i].Sub(starts[0]) - time.Duration(i)*time.Second
				if late < -3*patience || late > 3*patience {
					w.Errorf("probe %d of %s began %v late", i, k.Target, late)
				}
			}
		}
	})
}

func TestLimitBoundsBusyProbes(t *testing.T) {
	inBubble(t, runner.Options{Limit: 3}, func(w *world) {
		for _, k := range keys(100) {
			w.servers.set(k, healthcheck.ClassOK, 10*time.Millisecond)
		}
		w.Apply(keys(100))
		w.after(5 * time.Second)
		if w.servers.most != 3 {
			w.Errorf("%d probes at the same time, want 3", w.servers.most)
		}
		for _, s := range w.Status() {
			if s.Successes < 4 {
				w.Errorf("%s was probed %d times in 5 s", s.Key.Target, s.Successes)
			}
		}
	})
}

func TestAProbeNeverOverlapsItself(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		k := key(1)
		k.Settings.Timeout = 2500 * time.Millisecond
		w.servers.set(k, "", time.Hour)
		w.Apply([]healthcheck.Key{k})
		w.after(31 * time.Second)
		if w.servers.most != 1 {
			w.Errorf("%d probes of one key at the same time", w.servers.most)
		}
		// 2.5 s of waiting, and the next slot of the second.
		if n := len(w.servers.startsOf(k)); n < 10 || n > 11 {
			w.Errorf("%d probes in 31 s, want one every 3 s", n)
		}
	})
}

func TestEqualKeysShareOneProbe(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		w.Apply([]healthcheck.Key{key(1), key(2), key(1), key(1)})
		w.after(3 * time.Second)
		if n := len(w.servers.startsOf(key(1))); n != 3 {
			w.Errorf("%d probes in 3 s, want 3", n)
		}
		if n := len(w.Status()); n != 2 {
			w.Errorf("%d statuses, want 2", n)
		}
	})
}

func TestApplyKeepsTheStateOfKeysThatStay(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		w.Apply(keys(3))
		w.after(5 * time.Second)
		w.updates.take()
		before := w.Status()[1]
		w.Apply([]healthcheck.Key{key(1), key(9)})
		after := w.Status()
		expect(w, before, after[0])
		w.after(5 * time.Second)
		expect(w, []string{"10.0.0.9 unknown→up"}, w.updates.take())
		starts := w.servers.startsOf(key(1))
		for i := 1; i < len(starts); i++ {
			if gap := starts[i].Sub(starts[i-1]); gap != time.Second {
				w.Errorf("reload moved probe %d: gap %v", i, gap)
			}
		}
		if n := len(w.servers.startsOf(key(0))); n != 5 {
			w.Errorf("a key that left was probed %d times, want 5", n)
		}
	})
}

func TestApplyWithOtherTimingKeepsTheVerdict(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		k := key(1)
		w.servers.set(k, healthcheck.ClassRefused, 0)
		w.Apply([]healthcheck.Key{k})
		w.after(3 * time.Second)
		expect(w, []string{"10.0.0.1 unknown→down"}, w.updates.take())
		slower, slowest := k, k
		slower.Timing.Interval = 10 * time.Second
		slowest.Timing.Interval = 20 * time.Second
		w.Apply([]healthcheck.Key{slower, slowest})
		synctest.Wait()
		expect(w, []string{"10.0.0.1 unknown→down", "10.0.0.1 unknown→down"}, w.updates.take())
		if n := len(w.History(slower)); n != 3 {
			w.Errorf("history of %d results went over, want 3", n)
		}
		w.after(time.Second)
		expect(w, []int{4, 4}, []int{len(w.History(slower)), len(w.History(slowest))})
	})
}

func TestKeysThatLeaveAreCancelled(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		k := key(1)
		k.Settings.Timeout = time.Hour
		w.servers.set(k, "", 2*time.Hour)
		w.Apply([]healthcheck.Key{k})
		w.after(time.Second)
		w.Apply(nil)
		synctest.Wait()
		if w.servers.open != 0 {
			w.Error("the probe of a key that left goes on")
		}
		expect(w, []healthcheck.Status{}, w.Status())
		expect(w, nil, w.History(k))
		w.after(time.Minute)
		expect(w, nil, w.updates.take())
	})
}

func TestAKeyThatComesBackStartsAnew(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		k := key(1)
		w.servers.set(k, "", time.Hour)
		w.Apply([]healthcheck.Key{k})
		w.after(time.Second)
		w.Apply(nil)
		w.servers.set(k, healthcheck.ClassOK, 0)
		w.Apply([]healthcheck.Key{k})
		w.after(time.Second)
		expect(w, []string{"10.0.0.1 unknown→up"}, w.updates.take())
		if s := w.Status()[0]; s.Successes != 1 || s.Failures != 0 {
			w.Errorf("status %+v, want one success", s)
		}
	})
}

func TestStatusIsSortedAndTellsTheNextProbe(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		w.servers.set(key(2), "", time.Hour)
		w.Apply([]healthcheck.Key{key(3), key(1), key(2)})
		w.after(1500 * time.Millisecond)
		var targets []string
		for _, s := range w.Status() {
			targets = append(targets, s.Key.Target.Addr().String())
			if running := s.Key == key(2); s.Next.IsZero() != running {
				w.Errorf("next probe of %s at %v", s.Key.Target, s.Next)
			}
		}
		expect(w, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, targets)
	})
}

func TestFirstRound(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		before := w.FirstRound()
		expect(w, false, closed(before))
		w.servers.set(key(2), "", time.Hour) // 3 s until its first result
		w.Apply(keys(3))
		w.after(2 * time.Second)
		expect(w, false, closed(before))
		w.after(2 * time.Second)
		expect(w, true, closed(before))

		w.Apply(keys(3))
		expect(w, true, closed(w.FirstRound()))
		w.Apply(keys(4))
		expect(w, false, closed(w.FirstRound()))
		w.Apply(keys(3)) // the one we waited for left
		expect(w, true, closed(w.FirstRound()))
		w.Apply(nil)
		expect(w, true, closed(w.FirstRound()))
	})
}

func TestFirstRoundOfNothing(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		w.Apply(nil)
		expect(w, true, closed(w.FirstRound()))
	})
}

func TestFirstRoundIncludesProbesThatWereImpossible(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		w.servers.set(key(1), healthcheck.ClassInternal, 0)
		w.Apply([]healthcheck.Key{key(1)})
		w.after(time.Second)
		expect(w, true, closed(w.FirstRound()))
		expect(w, healthcheck.Unknown, w.Verdict(key(1)))
	})
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestASlowListenerDelaysNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServers()
		var told []string
		r := runner.New(runner.Options{Probe: s.Probe, OnUpdate: func(u runner.Update) {
			time.Sleep(time.Minute)
			told = append(told, u.New.String())
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		k := key(1)
		k.Timing.Fall = 1
		r.Apply([]healthcheck.Key{k})
		for i := range 6 {
			s.set(k, []healthcheck.Class{healthcheck.ClassOK, healthcheck.ClassBody}[i%2], 0)
			time.Sleep(time.Second)
		}
		if n := len(s.startsOf(k)); n != 6 {
			t.Errorf("%d probes in 6 s, want 6", n)
		}
		time.Sleep(6 * time.Minute)
		cancel()
		<-ended
		if diff := cmp.Diff([]string{"up", "down", "up", "down", "up", "down"}, told); diff != "" {
			t.Errorf("updates (-want +got):\n%s", diff)
		}
	})
}

func TestStopSaysNothingAboutServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, told := newServers(), &updates{}
		r := runner.New(runner.Options{Probe: s.Probe, OnUpdate: told.add})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		all := keys(50)
		for i := range all {
			all[i].Timing.Fall = 1
			s.set(all[i], "", time.Hour)
		}
		r.Apply(all)
		time.Sleep(2 * time.Second)
		cancel() // the fake probes call that a timeout
		<-ended
		if got := told.take(); got != nil {
			t.Errorf("updates at stop: %v", got)
		}
		for _, st := range r.Status() {
			if st.Failures != 0 {
				t.Errorf("%s has %d failures", st.Key.Target, st.Failures)
			}
		}
	})
}

func TestResultsWithoutATimeGetOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runner.New(runner.Options{Probe: func(context.Context, healthcheck.Key) healthcheck.Result {
			time.Sleep(time.Millisecond)
			return healthcheck.Result{Class: healthcheck.ClassOK}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		r.Apply([]healthcheck.Key{key(1)})
		<-r.FirstRound()
		last := r.Status()[0].Last
		if last.At.IsZero() || last.Duration != time.Millisecond {
			t.Errorf("result began %v and took %v", last.At, last.Duration)
		}
		cancel()
		<-ended
	})
}

func TestRunNeedsAProbe(t *testing.T) {
	if err := runner.New(runner.Options{}).Run(t.Context()); err == nil {
		t.Error("Run without a probe function returned nil")
	}
}

// TestTenThousandKeys looks at the whole: everything is known within the first
// seconds, and each key is probed once an interval.
func TestTenThousandKeys(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		all := keys(10_000)
		for i := range all {
			all[i].Timing.Interval = 5 * time.Second
		}
		w.Apply(all)
		w.after(time.Second)
		expect(w, true, closed(w.FirstRound()))
		w.after(19 * time.Second)
		for _, s := range w.Status() {
			if s.Successes < 4 || s.Successes > 6 {
				w.Fatalf("%s was probed %d times in 20 s at an interval of 5 s", s.Key.Target, s.Successes)
			}
		}
	})
}
