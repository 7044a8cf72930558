package daemon

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// How often the checker tells its supervisor a part of what it knows, how much
// at least, and how long a round through everything takes. A verdict that
// changed is told at once, before it changes a weight: a checker that starts
// again must not bring back a server that was just found dead. The rest,
// counters and latencies, follows bit by bit: everything at once would be
// megabytes for thousands of real servers, and more often would cost more than
// their probes.
const (
	memoryPause = time.Second
	memoryPart  = 32
	memoryRound = time.Minute
)

// memoryShare is how many of n memories are told at a time.
func memoryShare(n int) int {
	return max(memoryPart, (n*int(memoryPause)+int(memoryRound)-1)/int(memoryRound))
}

// toldMemory is what the checker knows of one target, for a supervisor that
// keeps it and has no use for it.
type toldMemory struct {
	ID     string // of the key
	At     time.Time
	Memory json.RawMessage // a healthcheck.Memory
}

func tellable(m healthcheck.Memory) (toldMemory, error) {
	text, err := json.Marshal(m)
	return toldMemory{ID: m.Key.ID(), At: m.Last.At, Memory: text}, err
}

// memoryPortion is a part of what the checker knows.
type memoryPortion struct {
	First bool // of a new round
	Some  []toldMemory
}

// checkMemory is the supervisor's copy of what the checker knows of the real
// servers: a checker that starts again goes on with it. What was not told for
// a whole round is forgotten.
type checkMemory struct {
	mu    sync.Mutex
	round uint64
	known map[string]knownMemory // by ID
}

type knownMemory struct {
	round uint64 // in which it was last told
	at    time.Time
	text  json.RawMessage
}

// add takes a portion.
func (m *checkMemory) add(p memoryPortion) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.First {
		m.round++
		maps.DeleteFunc(m.known, func(_ string, k knownMemory) bool { return k.round+1 < m.round })
	}
	if m.known == nil {
		m.known = make(map[string]knownMemory)
	}
	for _, one := range p.Some {
		m.put(one)
	}
}

// replace takes what the checker found out about one target.
func (m *checkMemory) replace(one toldMemory) { m.add(memoryPortion{Some: []toldMemory{one}}) }

// put takes what is newer than what is known; portions and single memories may
// overtake each other. Call with the mutex held.
func (m *checkMemory) put(one toldMemory) {
	k := m.known[one.ID]
	if k.round = m.round; !k.at.After(one.At) {
		k.at, k.text = one.At, one.Memory
	}
	m.known[one.ID] = k
}

func (m *checkMemory) get() []json.RawMessage {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]json.RawMessage, 0, len(m.known))
	for _, k := range m.known {
		all = append(all, k.text)
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

// tellFrom tells the next portion and returns where to go on. What is not told
// is, the next time.
func (c *checkerRole) tellFrom(from int) (next int) {
	portion := memoryPortion{First: from == 0}
	some, next := c.probes.MemoriesFrom(from, memoryShare(c.probes.Len()))
	for _, m := range some {
		if one, err := tellable(m); err == nil {
			portion.Some = append(portion.Some, one)
		}
	}
	_ = c.peer.Notify(noticeMemory, portion)
	return next
}

// memories is everything that the checker knows.
func (c *checkerRole) memories() (all []json.RawMessage) {
	for _, m := range c.probes.Memories() {
		if text, err := json.Marshal(m); err == nil {
			all = append(all, text)
		}
	}
	return all
}

// recall goes on with what an earlier life of the role knew. What cannot be
// read is found out anew.
func (c *checkerRole) recall(all []json.RawMessage) {
	known := make([]healthcheck.Memory, 0, len(all))
	for _, text := range all {
		var m healthcheck.Memory
		if json.Unmarshal(text, &m) == nil {
			known = append(known, m)
		}
	}
	if len(known) > 0 {
		c.probes.Recall(known)
	}
}
