package daemon

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// How often the checker tells its supervisor a part of what it knows, how much,
// and how long a round through everything takes at least. A verdict that changed is told at once, before it changes a weight: a
// checker that starts again must not bring back a server that was just found
// dead. The rest, counters and latencies, follows bit by bit: everything at
// once would be megabytes for thousands of real servers.
const (
	memoryPause = time.Second
	memoryPart  = 256
	memoryRound = 10 * time.Second
)

// memoryPortion is a part of what the checker knows.
type memoryPortion struct {
	First bool // of a new round
	Some  []healthcheck.Memory
}

// checkMemory is the supervisor's copy of what the checker knows of the real
// servers: a checker that starts again goes on with it. What was not told for
// a whole round is forgotten.
type checkMemory struct {
	mu         sync.Mutex
	told       map[healthcheck.Key]healthcheck.Memory // in this round
	toldBefore map[healthcheck.Key]healthcheck.Memory // in the last one
}

// add takes a portion.
func (m *checkMemory) add(p memoryPortion) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.First {
		m.told, m.toldBefore = make(map[healthcheck.Key]healthcheck.Memory, len(m.told)), m.told
	}
	for _, one := range p.Some {
		m.put(one)
	}
}

// replace takes what the checker found out about one target.
func (m *checkMemory) replace(one healthcheck.Memory) {
	m.add(memoryPortion{Some: []healthcheck.Memory{one}})
}

// put takes what is newer than what is known; portions and single memories may
// overtake each other. Call with the mutex held.
func (m *checkMemory) put(one healthcheck.Memory) {
	known, ok := m.told[one.Key]
	if !ok {
		known = m.toldBefore[one.Key]
	}
	if known.Last.At.After(one.Last.At) {
		one = known
	}
	if m.told == nil {
		m.told = map[healthcheck.Key]healthcheck.Memory{}
	}
	m.told[one.Key] = one
}

func (m *checkMemory) get() []healthcheck.Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Collect(maps.Values(m.told))
	for key, one := range m.toldBefore {
		if _, newer := m.told[key]; !newer {
			all = append(all, one)
		}
	}
	return all
}

// remind tells the supervisor what the checker knows until ctx ends.
func (c *checkerRole) remind(ctx context.Context) {
	tick := time.NewTicker(memoryPause)
	defer tick.Stop()
	var began time.Time // the present round
	for from := 0; ; {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if from == 0 {
				if now.Sub(began) < memoryRound && !c.retell.Load() {
					continue
				}
				began = now
			}
			from = c.tellFrom(from)
			for c.retell.Swap(false) && from != 0 {
				from = c.tellFrom(from)
				c.retell.Store(from != 0)
			}
		}
	}
}

// tellFrom tells the next portion and returns where to go on.
func (c *checkerRole) tellFrom(from int) (next int) {
	portion := memoryPortion{First: from == 0}
	portion.Some, next = c.probes.MemoriesFrom(from, memoryPart)
	_ = c.peer.Notify(noticeMemory, portion) // the next round will do
	return next
}

// recall goes on with what an earlier life of the role knew.
func (c *checkerRole) recall(all []healthcheck.Memory) {
	if len(all) > 0 {
		c.probes.Recall(all)
	}
}
