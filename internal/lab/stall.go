package lab

import (
	"sync"
	"time"
)

// Stall measures for how long at a time this machine lets nobody work: what a
// bound on a time of the wire has to allow for. A busy machine delays the
// processes that are tested, and those that look at them, as much.
type Stall struct {
	once    sync.Once
	stop    chan struct{}
	longest chan time.Duration
}

// stallPace is how often a stall is looked for.
const stallPace = time.Millisecond

// WatchStalls begins to measure.
func WatchStalls() *Stall {
	s := &Stall{stop: make(chan struct{}), longest: make(chan time.Duration, 1)}
	go func() {
		tick := time.NewTicker(stallPace)
		defer tick.Stop()
		var longest time.Duration
		for last := time.Now(); ; {
			select {
			case <-s.stop:
				s.longest <- longest
				return
			case <-tick.C:
				now := time.Now()
				longest, last = max(longest, now.Sub(last)-stallPace), now
			}
		}
	}()
	return s
}

// Stop ends it and returns the longest stall, 0 the second time.
func (s *Stall) Stop() (longest time.Duration) {
	s.once.Do(func() {
		close(s.stop)
		longest = <-s.longest
	})
	return longest
}
