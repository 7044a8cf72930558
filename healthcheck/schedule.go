package healthcheck

import (
	"container/heap"
	"math/bits"
	"time"
)

// Start is a probe that is to be started. Whoever does so marks it as begun and
// tells its End later.
type Start struct {
	Key   Key
	ID    any // what its End is known by
	Begun bool
}

// End is how a probe that was begun has ended.
type End struct {
	ID     any
	Result Result
}

// A start learns quickly what is up, however long the intervals are, but asks
// no more than learnRate servers a second: more at once would keep a machine
// busy that has no trouble with one round per interval, and what then comes
// too late is taken for down and asked again even sooner.
const (
	learnWithin = time.Second
	learnRate   = 1000
)

// LearnWithin returns how long the first probes of so many new keys may take.
func LearnWithin(keys int) time.Duration {
	return max(learnWithin, time.Duration(keys)*time.Second/learnRate)
}

// Schedule says which keys are due. It knows no clock: callers pass in the
// time, in any order of magnitude and with jumps. Callers name keys by an ID of
// theirs, which need not be the key: that is a large thing to look up.
//
// A key is either waiting (it has a slot) or running (Due returned it, Done
// was not called yet), so the probes of one key never overlap. Slots lie one
// interval apart; a slot missed by a slow probe or by a late caller is
// skipped, not made up for, which keeps the spread. The first slots of new keys
// may lie closer together than the interval; the gap after them is shorter for
// the first than for the last, so that from the second slot on the keys are
// spread evenly over their interval and never due more often than that. The
// fraction of a key comes from its hash.
//
// When the time steps back, every slot moves along: nothing waits for the
// time to catch up. When it steps forward, or the caller comes late because the
// machine stood still or has too much to do, they move along as well: thousands
// of probes that are started together to catch up come too late themselves, and
// what is asked of real servers must not depend on how this machine fares.
type Schedule[ID comparable] struct {
	items map[ID]*slot[ID]
	queue slotQueue[ID]
	seen  time.Time
}

// slot is the next (or, while running, the present) start of a key.
type slot[ID comparable] struct {
	id       ID
	interval time.Duration
	at       time.Time
	index    int           // in the queue, -1 while running
	early    time.Duration // to be taken off the next gap of one interval
}

// NewSchedule returns an empty schedule.
func NewSchedule[ID comparable]() *Schedule[ID] {
	return &Schedule[ID]{items: map[ID]*slot[ID]{}}
}

// Len returns the number of keys, waiting and running.
func (s *Schedule[ID]) Len() int { return len(s.items) }

// Add makes key k, named id, wait for its first slot, within its warm-up time
// or, if it has none, the shorter of its interval and learn. One that is known
// already is left as it is.
func (s *Schedule[ID]) Add(id ID, k Key, now time.Time, learn time.Duration) {
	s.follow(now)
	if s.items[id] != nil {
		return
	}
	interval, first := max(k.Timing.Interval, 1), k.Timing.Warmup
	if first <= 0 {
		first = min(interval, learn)
	}
	seed, stretch := k.seed(), max(interval-first, 0)
	e := &slot[ID]{
		id: id, interval: interval,
		at:    now.Add(fraction(seed, first)),
		early: stretch - fraction(seed, stretch),
	}
	s.items[id] = e
	heap.Push(&s.queue, e)
}

// Remove forgets a key, waiting or running.
func (s *Schedule[ID]) Remove(id ID) {
	e := s.items[id]
	if e == nil {
		return
	}
	delete(s.items, id)
	if e.index >= 0 {
		heap.Remove(&s.queue, e.index)
	}
}

// lateMost is how late slots may be before all of them move.
const lateMost = 500 * time.Millisecond

// Due returns at most limit keys whose slot has come, the longest waiting
// first, and counts them as running.
func (s *Schedule[ID]) Due(now time.Time, limit int) []ID {
	s.follow(now)
	if next, ok := s.Next(); ok && now.Sub(next) > lateMost {
		s.move(now.Sub(next))
	}
	var due []ID
	for len(due) < limit && len(s.queue) > 0 && !s.queue[0].at.After(now) {
		e := heap.Pop(&s.queue).(*slot[ID])
		e.at = latestSlot(e.at, now, e.interval)
		due = append(due, e.id)
	}
	return due
}

// Done ends the run of a key and makes it wait for its next slot, one pause
// after the last. A key that was removed meanwhile, or does not run, is
// ignored.
func (s *Schedule[ID]) Done(id ID, now time.Time, pause time.Duration) {
	s.follow(now)
	e := s.items[id]
	if e == nil || e.index >= 0 {
		return
	}
	interval := max(pause, 1)
	gap := interval
	if interval == e.interval {
		if drawn := gap - e.early; !e.at.Add(drawn).Before(now) {
			gap = drawn
		}
		e.early = 0
	}
	e.at = e.at.Add(gap)
	if e.at.Before(now) {
		if e.at = latestSlot(e.at, now, interval); e.at.Before(now) {
			e.at = e.at.Add(interval)
		}
	}
	heap.Push(&s.queue, e)
}

// Hasten makes a waiting key due at once; the slots after that follow from
// there. It returns false when the key runs or is unknown.
func (s *Schedule[ID]) Hasten(id ID, now time.Time) bool {
	s.follow(now)
	e := s.items[id]
	if e == nil || e.index < 0 {
		return false
	}
	if e.at.After(now) {
		e.at = now
		heap.Fix(&s.queue, e.index)
	}
	return true
}

// Next returns the earliest slot of all waiting keys, false when none waits.
func (s *Schedule[ID]) Next() (time.Time, bool) {
	if len(s.queue) == 0 {
		return time.Time{}, false
	}
	return s.queue[0].at, true
}

// NextOf returns the slot of a key, false while it runs or is unknown.
func (s *Schedule[ID]) NextOf(id ID) (time.Time, bool) {
	e := s.items[id]
	if e == nil || e.index < 0 {
		return time.Time{}, false
	}
	return e.at, true
}

// follow notices a clock that stepped back and moves all slots with it.
func (s *Schedule[ID]) follow(now time.Time) {
	if back := now.Sub(s.seen); back < 0 && !s.seen.IsZero() {
		s.move(back)
	}
	s.seen = now
}

// move moves all slots by d.
func (s *Schedule[ID]) move(d time.Duration) {
	for _, e := range s.items {
		e.at = e.at.Add(d)
	}
}

// latestSlot returns the last of at, at+interval, at+2·interval… that is not
// after now; at itself when there is none.
func latestSlot(at, now time.Time, interval time.Duration) time.Time {
	if late := now.Sub(at); late >= interval {
		return at.Add(late - late%interval)
	}
	return at
}

// fraction maps seed evenly onto [0, of).
func fraction(seed uint64, of time.Duration) time.Duration {
	hi, _ := bits.Mul64(seed, uint64(of))
	return time.Duration(hi)
}

// slotQueue is a heap.Interface ordered by slot.
type slotQueue[ID comparable] []*slot[ID]

func (q slotQueue[ID]) Len() int           { return len(q) }
func (q slotQueue[ID]) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

func (q slotQueue[ID]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *slotQueue[ID]) Push(x any) {
	e := x.(*slot[ID])
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *slotQueue[ID]) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	e.index = -1
	return e
}
