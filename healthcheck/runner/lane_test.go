package runner_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/runner"
)

// services returns n keys of one address.
func services(n int) []healthcheck.Key {
	var all []healthcheck.Key
	for i := range n {
		k := key(1)
		k.Target = netip.AddrPortFrom(k.Target.Addr(), uint16(1000+i))
		k.Timing.Warmup = time.Millisecond // all at the same moment
		all = append(all, k)
	}
	return all
}

func TestProbesOfOneAddressQueueUp(t *testing.T) {
	inBubble(t, runner.Options{PerTarget: 3, Patience: time.Hour}, func(w *world) {
		all := services(10)
		for i := range all {
			all[i].Timing.Interval = time.Hour
			w.servers.set(all[i], healthcheck.ClassOK, 10*time.Millisecond)
		}
		w.Apply(all)
		w.after(500 * time.Millisecond)
		if w.servers.most != 3 {
			t.Errorf("%d probes of one address at a time, want 3", w.servers.most)
		}
		for _, k := range all {
			if n := len(w.servers.startsOf(k)); n != 1 {
				t.Errorf("%s was probed %d times, want once", k.Target, n)
			}
		}
	})
}

func TestAHungServiceDelaysNoOtherOfItsAddress(t *testing.T) {
	inBubble(t, runner.Options{PerTarget: 2, Patience: 50 * time.Millisecond}, func(w *world) {
		all := services(20)
		for _, k := range all[:10] {
			w.servers.set(k, healthcheck.ClassOK, time.Hour)
		}
		w.Apply(all)
		w.after(900 * time.Millisecond)
		for _, k := range all[10:] {
			if w.Verdict(k) != healthcheck.Up {
				t.Errorf("%s is %s", k.Target, w.Verdict(k))
			}
		}
	})
}

func TestProbesThatWaitForTheirLaneCanLeave(t *testing.T) {
	inBubble(t, runner.Options{PerTarget: 1, Patience: time.Hour}, func(w *world) {
		all := services(3)
		for _, k := range all {
			w.servers.set(k, healthcheck.ClassOK, 100*time.Millisecond)
		}
		w.Apply(all)
		w.after(10 * time.Millisecond)
		w.Apply(all[:0])
		w.after(time.Second)
		w.Apply(all[2:])
		w.after(500 * time.Millisecond)
		if w.Verdict(all[2]) != healthcheck.Up {
			t.Errorf("verdict %s", w.Verdict(all[2]))
		}
	})
}

func TestProbeNow(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		k := key(1)
		k.Timing.Interval = time.Hour
		w.Apply([]healthcheck.Key{k})
		w.after(2 * time.Second)
		w.servers.set(k, healthcheck.ClassRefused, 20*time.Millisecond)
		began := time.Now()
		r, err := w.ProbeNow(w.Context(), k)
		if err != nil || r.Class != healthcheck.ClassRefused || time.Since(began) != 20*time.Millisecond {
			t.Errorf("result %+v, %v after %v", r, err, time.Since(began))
		}
		if n := len(w.History(k)); n != 2 {
			t.Errorf("%d results are kept, want 2", n)
		}
	})
}

func TestProbeNowJoinsTheProbeUnderWay(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		k := key(1)
		w.servers.set(k, healthcheck.ClassOK, 800*time.Millisecond)
		w.Apply([]healthcheck.Key{k})
		for len(w.servers.startsOf(k)) == 0 {
			w.after(10 * time.Millisecond)
		}
		if r, err := w.ProbeNow(w.Context(), k); err != nil || r.Class != healthcheck.ClassOK {
			t.Errorf("result %+v, %v", r, err)
		}
		if n := len(w.servers.startsOf(k)); n != 1 {
			t.Errorf("%d probes", n)
		}
	})
}

func TestProbeNowOfWhatIsNotThere(t *testing.T) {
	inBubble(t, runner.Options{}, func(w *world) {
		if _, err := w.ProbeNow(w.Context(), key(1)); err != runner.ErrUnknownKey {
			t.Errorf("error %v", err)
		}
		w.servers.set(key(1), healthcheck.ClassOK, time.Hour)
		w.Apply(keys(2))
		w.after(1500 * time.Millisecond)
		ctx, cancel := context.WithTimeout(w.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := w.ProbeNow(ctx, key(1)); err != context.DeadlineExceeded {
			t.Errorf("error %v of a caller who gave up", err)
		}
		answer := make(chan error)
		go func() {
			_, err := w.ProbeNow(w.Context(), key(1))
			answer <- err
		}()
		w.after(time.Millisecond)
		w.Apply(nil)
		if err := <-answer; err != runner.ErrUnknownKey {
			t.Errorf("error %v after the key left", err)
		}
	})
}
