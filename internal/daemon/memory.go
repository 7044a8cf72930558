package daemon

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// How often the checker tells its supervisor all that it knows. A verdict that
// changed is told at once, before it changes a weight: a checker that starts
// again must not bring back a server that was just found dead.
const (
	memoryPause  = time.Second
	memoryRounds = 10
)

// checkMemory is the supervisor's copy of what the checker knows of the real
// servers: a checker that starts again goes on with it.
type checkMemory struct {
	mu      sync.Mutex
	all     []healthcheck.Memory
	changed map[healthcheck.Key]healthcheck.Memory // told since all was
}

func (m *checkMemory) set(all []healthcheck.Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all, m.changed = all, nil
}

// replace takes what the checker found out about one target.
func (m *checkMemory) replace(one healthcheck.Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed == nil {
		m.changed = make(map[healthcheck.Key]healthcheck.Memory)
	}
	m.changed[one.Key] = one
}

func (m *checkMemory) get() []healthcheck.Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]healthcheck.Memory, 0, len(m.all)+len(m.changed))
	for _, one := range m.all {
		if _, newer := m.changed[one.Key]; !newer {
			out = append(out, one)
		}
	}
	return slices.AppendSeq(out, maps.Values(m.changed))
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
