package vrrp_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"pgregory.net/rapid"
)

func TestSafety_6_2_PutBackWaits(t *testing.T) {
	type removal struct{ at, wait time.Duration }
	const contested = time.Hour // added to the wait of a contested removal
	tests := []struct {
		name string
		want []removal
	}{
		{"back-off, then contested", []removal{
			{0, 0},
			{time.Second, 100 * time.Millisecond},
			{2 * time.Second, time.Second},
			{3 * time.Second, 5 * time.Second},
			{8 * time.Second, contested + 5*time.Second},
			{13 * time.Second, contested + 5*time.Second},
			{18 * time.Second, contested + 5*time.Second},
		}},
		{"once a minute is no contest", []removal{
			{0, 0}, {60 * time.Second, 0}, {120 * time.Second, 0}, {180 * time.Second, 0}, {240 * time.Second, 0},
		}},
		{"the window slides", []removal{
			{0, 0},
			{20 * time.Second, 100 * time.Millisecond},
			{40 * time.Second, time.Second},
			{60 * time.Second, time.Second},
			{80 * time.Second, time.Second},
			{81 * time.Second, 5 * time.Second},
		}},
		{"a minute of peace ends a contest", []removal{
			{0, 0}, {0, 100 * time.Millisecond}, {0, time.Second}, {0, 5 * time.Second},
			{0, contested + 5*time.Second}, {time.Minute, 0},
		}},
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p vrrp.PutBack
			var got []removal
			for _, r := range tt.want {
				wait, disputed := p.Removed(start.Add(r.at))
				if disputed {
					wait += contested
				}
				if disputed != p.Contested(start.Add(r.at)) {
					t.Errorf("at %v: Removed and Contested disagree", r.at)
				}
				got = append(got, removal{r.at, wait})
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(removal{})); diff != "" {
				t.Errorf("removals (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the times, an address is contested exactly when five removals lie
// within one minute.
func TestSafety_6_3_ContestedIsFiveInAMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gaps := rapid.SliceOfN(rapid.IntRange(0, 30), 1, 40).Draw(t, "seconds between removals")
		now := time.Unix(0, 0)
		var p vrrp.PutBack
		var times []time.Time
		for _, gap := range gaps {
			now = now.Add(time.Duration(gap) * time.Second)
			times = append(times, now)
			recent := 0
			for _, at := range times {
				if now.Sub(at) < time.Minute {
					recent++
				}
			}
			_, contested := p.Removed(now)
			if contested != (recent >= 5) {
				t.Fatalf("removals at %v: contested = %v with %d in a minute", times, contested, recent)
			}
		}
	})
}

func TestSafety_1_10_LeaseEnded(t *testing.T) {
	refreshed := time.Unix(1000, 0)
	tests := []struct {
		name      string
		remaining int64
		lease     time.Duration
		after     time.Duration // since the last refresh
		want      bool
	}{
		{"kernel says nothing left", 0, 5 * time.Second, 4 * time.Second, true},
		{"removed by hand", 4, 5 * time.Second, time.Second, false},
		{"removed by hand in the last second", 1, 5 * time.Second, 4700 * time.Millisecond, false},
		{"ended by the kernel a little early", 1, 5 * time.Second, 4800 * time.Millisecond, true},
		{"notice later than the lease", 3, 5 * time.Second, 5 * time.Second, true},
		{"notice lost, lease running", vrrp.LifetimeUnknown, 5 * time.Second, 2 * time.Second, false},
		{"notice lost, lease over", vrrp.LifetimeUnknown, 5 * time.Second, 6 * time.Second, true},
		{"permanent address", vrrp.LifetimeForever, 0, time.Hour, false},
		{"permanent by our record", 0, 0, time.Hour, false},
		{"somebody made it permanent", vrrp.LifetimeForever, 5 * time.Second, 6 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := vrrp.LeaseEnded(tt.remaining, refreshed, tt.lease, refreshed.Add(tt.after)); got != tt.want {
				t.Errorf("LeaseEnded = %v, want %v", got, tt.want)
			}
		})
	}
}
