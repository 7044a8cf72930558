package runner

import (
	"context"
	"sync"
)

// mailbox queues updates without bound for one reader, so that a reader that
// programs the kernel delays no probe.
type mailbox struct {
	mu     sync.Mutex
	queue  []Update
	filled chan struct{} // capacity 1
}

func newMailbox() *mailbox { return &mailbox{filled: make(chan struct{}, 1)} }

func (m *mailbox) put(updates []Update) {
	if len(updates) == 0 {
		return
	}
	m.mu.Lock()
	m.queue = append(m.queue, updates...)
	m.mu.Unlock()
	select {
	case m.filled <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (m *mailbox) take() []Update {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.queue
	m.queue = nil
	return all
}

// deliver calls to with each update, in order, until ctx is done.
func (m *mailbox) deliver(ctx context.Context, to func(Update)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.filled:
		}
		for _, u := range m.take() {
			if ctx.Err() != nil {
				return
			}
			to(u)
		}
	}
}
