package daemon

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// slowTable is a table of which a pass takes a while; it counts them.
type slowTable struct {
	tableSource
	takes  time.Duration
	passes atomic.Int64
}

func (s *slowTable) idle() bool {
	time.Sleep(s.takes)
	s.passes.Add(1)
	return true
}

func (s *slowTable) next() time.Time { return time.Time{} }
func (s *slowTable) programmed()     {}

// TestPassesOfALargeTable: news that come one by one share passes, the longer
// these take; the last of them has one.
func TestPassesOfALargeTable(t *testing.T) {
	for _, c := range []struct {
		takes       time.Duration
		least, most int64
	}{{0, 190, 201}, {10 * time.Millisecond, 40, 52}, {100 * time.Millisecond, 5, 7}, {time.Second, 1, 2}} {
		synctest.Test(t, func(t *testing.T) {
			s := &slowTable{takes: c.takes}
			w := newTableWriter(t.TempDir(), s)
			w.ready = true
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { w.run(ctx); close(ended) }()
			for range 200 {
				w.touch()
				time.Sleep(10 * time.Millisecond)
			}
			before := s.passes.Load()
			w.touch()
			time.Sleep(5 * time.Second)
			if s.passes.Load() == before {
				t.Errorf("a pass of %v: none after the last news", c.takes)
			}
			if before < c.least || before > c.most {
				t.Errorf("a pass of %v: %d passes in two seconds, want %d to %d", c.takes, before, c.least, c.most)
			}
			cancel()
			<-ended
		})
	}
}
