package healthcheck

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestLatencyWeight(t *testing.T) {
	w := LatencyWeight{Target: 20 * ms, Floor: 25, Step: 10}
	tests := []struct {
		name    string
		present int
		latency time.Duration
		want    int
	}{
		{"fast enough", 100, 20 * ms, 100},
		{"a little slow is nothing", 100, 21 * ms, 100},
		{"a step down", 100, 40 * ms, 90},
		{"the last step down", 60, 40 * ms, 50},
		{"where it should be", 50, 40 * ms, 50},
		{"a step up", 50, 21 * ms, 60},
		{"the rest of the way up", 95, 20 * ms, 100},
		{"the rest of the way down", 30, time.Second, 25},
		{"no lower", 25, time.Hour, 25},
		{"no latency", 50, 0, 60},
	}
	for _, tt := range tests {
		if got := w.share(tt.present, tt.latency); got != tt.want {
			t.Errorf("%s: %d%% at %v became %d%%, want %d%%", tt.name, tt.present, tt.latency, got, tt.want)
		}
	}
}

// TestLatencyWeightProperties: whatever the latencies, the share stays in its
// range and moves by a step at most; under a constant latency it comes to rest
// less than a step from what is deserved, and nobody slower has more.
func TestLatencyWeightProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := LatencyWeight{
			Target: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "target")),
			Floor:  rapid.IntRange(1, 100).Draw(t, "floor"), Step: rapid.IntRange(1, 100).Draw(t, "step"),
		}
		latency := rapid.Custom(func(t *rapid.T) time.Duration {
			factor := rapid.Float64Range(0, 20).Draw(t, "factor")
			return time.Duration(factor * float64(w.Target))
		})
		share := 100
		move := func(l time.Duration) {
			next := w.share(share, l)
			if next < w.Floor || next > 100 || max(next-share, share-next) > w.Step {
				t.Fatalf("%+v: %d%% at %v became %d%%", w, share, l, next)
			}
			share = next
		}
		for _, l := range rapid.SliceOfN(latency, 0, 50).Draw(t, "latencies") {
			move(l)
		}
		rest := func(l time.Duration) int {
			for range 100 {
				move(l)
			}
			settled := share
			move(l)
			deserved := 100
			if l > w.Target {
				deserved = max(w.Floor, int(100*w.Target/l))
			}
			if share != settled || max(share-deserved, deserved-share) >= w.Step && share != deserved {
				t.Fatalf("%+v at %v: rests at %d%%, then %d%%; %d%% is deserved", w, l, settled, share, deserved)
			}
			return share
		}
		slow := latency.Draw(t, "slow")
		if low, high := rest(slow), rest(slow/2); high < low {
			t.Fatalf("%+v: %d%% at %v, %d%% at half of it", w, low, slow, high)
		}
	})
}

// TestLatencyFeedsTheWeight: from results to the advice that programs IPVS;
// only whole successful probes count.
func TestLatencyFeedsTheWeight(t *testing.T) {
	timing := Timing{Rise: 1, Fall: 2, Cheap: 1, Latency: LatencyWeight{Target: 10 * ms, Floor: 20, Step: 30}}
	h := NewHealth(timing)
	var got []int
	for i, r := range []Result{
		{Class: ClassOK, Duration: 10 * ms}, {Class: ClassOK, Duration: time.Hour}, // a connection only
		{Class: ClassOK, Duration: 130 * ms}, {Class: ClassTimeout, Duration: time.Hour},
		{Class: ClassOK, Duration: 250 * ms}, {Class: ClassOK, Duration: time.Hour},
	} {
		r.At = epoch.Add(time.Duration(i) * time.Second)
		h.Observe(r)
		got = append(got, h.Advice().Apply(1000))
	}
	// Smoothed: 10 ms, 25 ms (40 % deserved), 53 ms (20 % at least).
	if diff := cmp.Diff([]int{1000, 1000, 700, 700, 400, 400}, got); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
	without := h.Retimed(Timing{Rise: 1, Fall: 2})
	without.Observe(Result{At: epoch, Class: ClassOK, Duration: time.Hour})
	if a := without.Advice(); a != (Advice{}) {
		t.Errorf("advice %+v of a check that has no latency_target any more", a)
	}
	recalled := Recall(h.Memory(Key{Timing: timing}))
	recalled.Observe(Result{At: epoch, Class: ClassOK, Duration: 100 * ms})
	if got := recalled.Advice().Value; got != 20 {
		t.Errorf("a recalled health went on to %d%%, want 20%%", got)
	}
}

func TestValidateLatency(t *testing.T) {
	sound := Timing{Interval: time.Second, Rise: 1, Fall: 1, Latency: LatencyWeight{Target: ms, Floor: 20, Step: 10}}
	with := func(change func(*LatencyWeight)) Timing {
		t := sound
		change(&t.Latency)
		return t
	}
	tests := []struct {
		kind   Kind
		timing Timing
		want   []string
	}{
		{KindTCP, sound, nil},
		{KindTCP, with(func(w *LatencyWeight) { w.Target = 0 }), []string{"latency_target: latency_floor and latency_step need a latency_target"}},
		{KindTCP, with(func(w *LatencyWeight) { w.Floor, w.Step = 0, 101 }),
			[]string{"latency_floor: latency_floor 0 is not from 1 to 100 percent", "latency_step: latency_step 101 is not from 1 to 100 percent"}},
		{KindAgent, sound, []string{"latency_target: the duration of a check of kind agent is not the latency of a server"}},
		{KindOn, sound, []string{"latency_target: the duration of a check of kind on is not the latency of a server"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, lines(Check{Settings: Defaults(tt.kind), Timing: tt.timing}.Validate())); diff != "" {
			t.Errorf("%s %+v (-want +got):\n%s", tt.kind, tt.timing.Latency, diff)
		}
	}
}
