package sim

import (
	"container/heap"
	"time"
)

// happening is something that will happen at an instant.
type happening struct {
	at  time.Duration
	seq uint64 // keeps the order of planning among equal instants
	do  func()
}

// queue holds what will happen, earliest first.
type queue struct {
	items []happening
	seq   uint64
}

func (q *queue) Len() int { return len(q.items) }

func (q *queue) Less(i, j int) bool {
	a, b := &q.items[i], &q.items[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (q *queue) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }

// Push is part of heap.Interface.
func (q *queue) Push(x any) { q.items = append(q.items, x.(happening)) }

// Pop is part of heap.Interface.
func (q *queue) Pop() any {
	last := q.items[len(q.items)-1]
	q.items = q.items[:len(q.items)-1]
	return last
}

// plan adds something that happens at the instant at.
func (q *queue) plan(at time.Duration, do func()) {
	q.seq++
	heap.Push(q, happening{at, q.seq, do})
}

// take removes and returns the first happening up to the instant limit.
func (q *queue) take(limit time.Duration) (happening, bool) {
	if len(q.items) == 0 || q.items[0].at > limit {
		return happening{}, false
	}
	return heap.Pop(q).(happening), true
}
