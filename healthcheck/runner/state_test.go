package runner

import (
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// launch returns a state with one key whose probe is under way.
func launch(t *testing.T, now time.Time) (*state, *flight) {
	t.Helper()
	s := newState(New(Options{}).options)
	k := benchKeys(1)[0]
	k.Timing.Fall = 1
	s.apply([]healthcheck.Key{k}, now)
	flights := s.takeOff(now.Add(time.Second))
	if len(flights) != 1 {
		t.Fatalf("%d probes took off, want 1", len(flights))
	}
	return s, flights[0]
}

func TestACancelledProbeLandsWithoutAResult(t *testing.T) {
	now := time.Now()
	s, f := launch(t, now)
	f.void = true
	if u, changed := s.land(f, healthcheck.Result{Class: healthcheck.ClassTimeout}, now.Add(2*time.Second)); changed {
		t.Errorf("update %+v", u)
	}
	if st := s.status()[0]; st.Failures != 0 || s.finished || s.busy.count != 0 {
		t.Errorf("status %+v, first round over: %v, %d busy", st, s.finished, s.busy.count)
	}
}

// TestAResultThatCrossedAReload lands after its key left and came back.
func TestAResultThatCrossedAReload(t *testing.T) {
	now := time.Now()
	s, f := launch(t, now)
	cancelled := false
	f.cancel = func() { cancelled = true }
	s.apply(nil, now)
	s.apply([]healthcheck.Key{f.entry.key}, now)
	if u, changed := s.land(f, healthcheck.Result{Class: healthcheck.ClassTimeout}, now.Add(2*time.Second)); changed {
		t.Errorf("update %+v", u)
	}
	if st := s.status()[0]; st.Failures != 0 || st.Next.IsZero() || s.finished {
		t.Errorf("status %+v, first round over: %v", st, s.finished)
	}
	if !cancelled {
		t.Error("the probe of a key that left was not cancelled")
	}
}

// TestEveryFailureIsToldThatIsWanted looks at one that changes no verdict.
func TestEveryFailureIsToldThatIsWanted(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		wanted bool
		file   string
		class  healthcheck.Class
		told   bool
	}{
		{false, "", healthcheck.ClassTimeout, false}, {true, "", healthcheck.ClassTimeout, true},
		{false, "/log", healthcheck.ClassTimeout, true}, {false, "/log", healthcheck.ClassOK, true}, {true, "/log", healthcheck.ClassTimeout, true},
	} {
		s, f := launch(t, now)
		k := f.entry.key
		k.Timing.LogFailures, k.Timing.LogFile, k.Timing.Fall, k.Timing.Rise = tt.wanted, tt.file, 3, 3
		f.entry.key, f.entry.health = k, healthcheck.NewHealth(k.Timing)
		u, told := s.land(f, healthcheck.Result{Class: tt.class, At: now}, now.Add(time.Second))
		if told != tt.told || u.Old != u.New || u.Routine == tt.wanted {
			t.Errorf("%+v: told %v, update %+v", tt, told, u)
		}
	}
}

func TestBusyList(t *testing.T) {
	var b busyList
	begin := time.Now()
	var flights []*flight
	for i := range 4 {
		f := &flight{lane: &lane{}, start: begin.Add(time.Duration(i) * time.Second)}
		flights = append(flights, f)
		b.add(f)
	}
	check := func(count int, oldest int) {
		t.Helper()
		if b.count != count || !b.oldest().Equal(flights[oldest].start) {
			t.Errorf("%d busy, oldest from %v; want %d, %v", b.count, b.oldest(), count, flights[oldest].start)
		}
	}
	check(4, 0)
	b.remove(flights[1])
	check(3, 0)
	b.forgive(begin)
	check(2, 2)
	b.remove(flights[0]) // forgiven before it landed
	check(2, 2)
	b.forgive(begin.Add(2*time.Second - 1))
	check(2, 2)
	b.remove(flights[2])
	check(1, 3)
	b.remove(flights[3])
	if b.count != 0 || len(b.flights) != 0 {
		t.Errorf("%d busy, %d kept", b.count, len(b.flights))
	}
}
