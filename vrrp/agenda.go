package vrrp

import (
	"container/heap"
	"time"
)

// agenda orders routers by their next deadline; routers without one are last.
// Equal deadlines keep the order of the configuration, so that the same events
// always give the same actions.
type agenda []*router

func (a agenda) Len() int { return len(a) }

func (a agenda) Less(i, j int) bool {
	x, y := a[i], a[j]
	switch {
	case x.next.Equal(y.next):
		return x.order < y.order
	case x.next.IsZero():
		return false
	case y.next.IsZero():
		return true
	}
	return x.next.Before(y.next)
}

func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].slot, a[j].slot = i, j
}

// Push and Pop complete heap.Interface; the agenda is only ever rebuilt.
func (a *agenda) Push(x any) { *a = append(*a, x.(*router)) }

// Pop is part of heap.Interface.
func (a *agenda) Pop() any {
	old := *a
	r := old[len(old)-1]
	*a = old[:len(old)-1]
	return r
}

// rebuild replaces the contents.
func (a *agenda) rebuild(routers []*router) {
	*a = append((*a)[:0], routers...)
	for i, r := range *a {
		r.slot = i
		r.next = r.nextDeadline()
	}
	heap.Init(a)
}

// update moves a router whose timers changed to its place.
func (a *agenda) update(r *router) {
	r.next = r.nextDeadline()
	heap.Fix(a, r.slot)
}

// due returns the router whose deadline has passed longest, or nil.
func (a agenda) due(now time.Time) *router {
	if len(a) == 0 || !due(a[0].next, now) {
		return nil
	}
	return a[0]
}

// next returns the earliest deadline, zero when there is none.
func (a agenda) next() time.Time {
	if len(a) == 0 {
		return time.Time{}
	}
	return a[0].next
}
