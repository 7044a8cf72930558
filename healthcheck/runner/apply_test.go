package runner_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/runner"
)

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

// TestALogFileMakesAnotherProbe: services that share a real server may each log
// to a file of their own, and a reload may name another file. Either way every
// key is probed once, and one that left no more.
func TestALogFileMakesAnotherProbe(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		one, other := key(1), key(1)
		one.Timing.LogFile, other.Timing.LogFile = "/var/log/one", "/var/log/other"
		for range 8 { // the order of keys decides nothing
			w.Apply([]healthcheck.Key{one, other, one, other, one})
			w.after(3 * time.Second)
			if n := len(w.Status()); n != 2 || !closed(w.FirstRound()) {
				w.Errorf("%d statuses, want 2; first round is over: %v", n, closed(w.FirstRound()))
				return
			}
			one, other = other, one
		}
		w.Apply([]healthcheck.Key{other})
		before := len(w.servers.startsOf(one))
		w.after(10 * time.Second)
		if n := len(w.servers.startsOf(one)) - before; n > 12 {
			w.Errorf("%d probes in 10 s of one key: the other one is probed on", n)
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
