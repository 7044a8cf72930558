package runner_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/runner"
)

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

// tick is how long a probe at an interval of a second may wait to start together
// with others.
const tick = 50 * time.Millisecond

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
			if n := len(starts); n != 20 && n != 19 { // the last one may wait for others
				w.Errorf("%s was probed %d times in 20 s", k.Target, n)
			}
			for i := 1; i < len(starts); i++ {
				if gap := starts[i].Sub(starts[i-1]); (gap - time.Second).Abs() > tick {
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
// interval, and each key is probed once an interval.
func TestTenThousandKeys(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		all := keys(10_000)
		for i := range all {
			all[i].Timing.Interval = 5 * time.Second
		}
		w.Apply(all)
		w.after(5*time.Second + tick)
		expect(w, true, closed(w.FirstRound()))
		w.after(15*time.Second - tick)
		for _, s := range w.Status() {
			if s.Successes < 3 || s.Successes > 4 {
				w.Fatalf("%s was probed %d times in 20 s at an interval of 5 s", s.Key.Target, s.Successes)
			}
		}
	})
}

// TestStopEndsDelivery makes sure that nothing is told after Run returned, and
// that Run waits for the call in progress.
func TestStopEndsDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServers()
		var begun, ended int
		r := runner.New(runner.Options{Probe: s.Probe, OnUpdate: func(runner.Update) {
			begun++
			time.Sleep(time.Minute)
			ended++
		}})
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan error)
		go func() { returned <- r.Run(ctx) }()
		r.Apply(keys(3))
		time.Sleep(90 * time.Second) // in the second call, with the third queued
		cancel()
		<-returned
		time.Sleep(10 * time.Minute)
		if begun != 2 || ended != 2 {
			t.Errorf("%d calls began and %d ended, want 2", begun, ended)
		}
	})
}

// TestAnotherAlarm: what stands in for the timer makes the same probes at the
// same times.
func TestAnotherAlarm(t *testing.T) {
	probesAt := func(o runner.Options, running func(*runner.Runner)) (starts []time.Duration) {
		inBubble(t, o, func(w *world) {
			running(w.Runner)
			w.Apply(keys(3))
			w.after(10 * time.Second)
			for _, at := range w.servers.startsOf(key(1)) {
				starts = append(starts, at.Sub(w.begin))
			}
		})
		return starts
	}
	want := probesAt(runner.Options{}, func(*runner.Runner) {})
	var wake func()
	var timer *time.Timer
	got := probesAt(runner.Options{Alarm: func(at time.Time) {
		if timer != nil {
			timer.Stop()
		}
		if !at.IsZero() {
			timer = time.AfterFunc(time.Until(at), func() { wake() })
		}
	}}, func(r *runner.Runner) { wake = r.Wake })
	if !slices.Equal(got, want) || len(got) < 9 {
		t.Errorf("probes at %v, want %v", got, want)
	}
}
