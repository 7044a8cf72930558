package daemon

import (
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
)

// TestVerificationsOfALargeTable: they come at their interval, or less often
// when they take more than a hundredth of the time.
func TestVerificationsOfALargeTable(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct{ interval, took, want time.Duration }{
		"not yet":      {30 * time.Second, 0, 30 * time.Second},
		"small":        {30 * time.Second, 10 * time.Millisecond, 30 * time.Second},
		"large":        {30 * time.Second, 500 * time.Millisecond, 50 * time.Second},
		"very large":   {30 * time.Second, time.Minute, 5 * time.Minute},
		"short":        {time.Second, 50 * time.Millisecond, 5 * time.Second},
		"by hand only": {0, time.Second, 0},
	} {
		w := newTableWriter(t.TempDir(), nil)
		w.cfg = conf.IPVS{VerifyInterval: c.interval}
		var want time.Time
		if c.want > 0 {
			want = now.Add(c.want)
		}
		if got := w.due(now, c.took); !got.Equal(want) {
			t.Errorf("%s: next after %v, want %v", name, got.Sub(now), c.want)
		}
	}
}
