package daemon

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// How often the checker tells its supervisor what it knows: soon after a
// verdict changed, and now and then for the counters.
const (
	memoryPause  = time.Second
	memoryRounds = 10
)

// checkMemory is the supervisor's copy of what the checker knows of the real
// servers: a checker that starts again goes on with it.
type checkMemory struct {
	mu  sync.Mutex
	all []healthcheck.Memory
}

func (m *checkMemory) set(all []healthcheck.Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = all
}

func (m *checkMemory) get() []healthcheck.Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all
}

// reminder decides when the checker is to tell what it knows.
type reminder struct {
	news   atomic.Bool
	rounds int
}

// due is asked once per memoryPause.
func (r *reminder) due() bool {
	r.rounds++
	if !r.news.Swap(false) && r.rounds < memoryRounds {
		return false
	}
	r.rounds = 0
	return true
}

// remind tells the supervisor what the checker knows until ctx ends.
func (c *checkerRole) remind(ctx context.Context) {
	tick := time.NewTicker(memoryPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if c.reminder.due() {
				_ = c.peer.Notify(noticeMemory, c.probes.Memories()) // the next one will do
			}
		}
	}
}

// recall goes on with what an earlier life of the role knew.
func (c *checkerRole) recall(all []healthcheck.Memory) {
	if len(all) > 0 {
		c.probes.Recall(all)
	}
}
