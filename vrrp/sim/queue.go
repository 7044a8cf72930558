package sim

import "time"

// happening is something that will happen at an instant.
type happening struct {
	at  time.Duration
	seq uint64 // keeps the order of planning among equal instants
	do  func()
}

func (h *happening) before(o *happening) bool {
	return h.at < o.at || h.at == o.at && h.seq < o.seq
}

// queue holds what will happen as a binary heap, earliest first. It is not
// made of container/heap, which allocates for every value.
type queue struct {
	items []happening
	seq   uint64
}

// plan adds something that happens at the instant at.
func (q *queue) plan(at time.Duration, do func()) {
	q.seq++
	q.items = append(q.items, happening{at, q.seq, do})
	for i := len(q.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.items[i].before(&q.items[parent]) {
			return
		}
		q.items[i], q.items[parent] = q.items[parent], q.items[i]
		i = parent
	}
}

// take removes and returns the first happening up to the instant limit.
func (q *queue) take(limit time.Duration) (happening, bool) {
	if len(q.items) == 0 || q.items[0].at > limit {
		return happening{}, false
	}
	first, last := q.items[0], len(q.items)-1
	q.items[0], q.items[last] = q.items[last], happening{}
	q.items = q.items[:last]
	q.sink()
	return first, true
}

// sink moves the first item down to its place.
func (q *queue) sink() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.items); child++ {
			if q.items[child].before(&q.items[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.items[i], q.items[least] = q.items[least], q.items[i]
		i = least
	}
}
