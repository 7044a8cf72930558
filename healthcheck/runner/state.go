package runner

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// state is everything the runner knows. It does no I/O and starts no
// goroutine; the Runner's mutex guards it.
type state struct {
	options  Options
	schedule *healthcheck.Schedule[*entry]
	entries  index
	sorted   []*entry // in the order of healthcheck.CompareKeys
	busy     busyList
	lanes    map[netip.Addr]*lane
	queued   map[netip.Addr]struct{} // lanes in which something waits
	round    chan struct{}
	tick     time.Duration              // how long what is due may wait to start with others
	unseen   int                        // entries without any result
	finished bool                       // round is closed
	recalled map[healthcheck.Key]*entry // for the next apply, by what they probe
}

// entry is one key with what its results say.
type entry struct {
	key     healthcheck.Key
	twin    *entry // another one with the same target
	health  *healthcheck.Health
	history *healthcheck.History
	flight  *flight // nil = no probe under way
	gone    bool    // not a key any more
	waiters []chan<- healthcheck.Result
}

// flight is one probe under way.
type flight struct {
	entry  *entry
	cancel context.CancelFunc // nil = the probe ends by itself
	start  time.Time
	lane   *lane
	busy   bool // counts against the limits
	void   bool // cancelled before it had a result
}

func newState(o Options) *state {
	return &state{
		options:  o,
		schedule: healthcheck.NewSchedule[*entry](),
		entries:  index{},
		lanes:    map[netip.Addr]*lane{},
		queued:   map[netip.Addr]struct{}{},
		round:    make(chan struct{}),
	}
}

// apply makes keys the set of entries and returns the updates of new keys
// that begin with a verdict.
func (s *state) apply(keys []healthcheck.Key, now time.Time) []Update {
	keys = healthcheck.Dedup(keys)
	left := s.leave(keys)
	maps.Copy(left, s.recalled)
	s.recalled = nil
	var updates []Update
	learn := healthcheck.LearnWithin(s.unknown(keys))
	s.sorted, s.unseen = make([]*entry, 0, len(keys)), 0
	for _, k := range keys {
		e := s.entries.find(k)
		if e == nil {
			e = s.enter(k, left[untimed(k)])
			s.schedule.Add(e, k, now, learn)
			if v := e.health.Verdict(); v != healthcheck.Unknown {
				updates = append(updates, Update{Key: k, New: v, Last: e.health.Status(k).Last})
			}
		}
		if !e.health.Seen() {
			s.unseen++
		}
		s.sorted = append(s.sorted, e)
	}
	s.tick = tickOf(keys)
	s.forgetLanes()
	s.turnRound()
	return updates
}

// unknown returns how many of the keys have no entry.
func (s *state) unknown(keys []healthcheck.Key) (n int) {
	for _, k := range keys {
		if s.entries.find(k) == nil {
			n++
		}
	}
	return n
}

// Probes that start together cost less: one wake-up, one look at what came
// back. maxTick bounds how long one waits for that; short intervals wait a
// small part of theirs only.
const (
	maxTick  = 50 * time.Millisecond
	tickPart = 20
)

func tickOf(keys []healthcheck.Key) time.Duration {
	tick := maxTick
	for _, k := range keys {
		tick = min(tick, k.Timing.Interval/tickPart)
	}
	return tick
}

// leave drops the entries that are not in keys, which are sorted, and returns
// them by what they probe.
func (s *state) leave(keys []healthcheck.Key) map[healthcheck.Key]*entry {
	left := map[healthcheck.Key]*entry{}
	for _, e := range s.sorted {
		if _, stays := slices.BinarySearchFunc(keys, e.key, healthcheck.CompareKeys); stays {
			continue
		}
		e.gone = true
		if e.flight != nil && e.flight.cancel != nil {
			e.flight.cancel()
		}
		e.dismiss()
		s.schedule.Remove(e)
		s.entries.drop(e)
		left[untimed(e.key)] = e
	}
	return left
}

// untimed is the part of a key that says what is probed.
func untimed(k healthcheck.Key) healthcheck.Key {
	k.Timing = healthcheck.Timing{}
	return k
}

// enter makes the entry of a new key, which goes on from its predecessor if
// there is one.
func (s *state) enter(k healthcheck.Key, predecessor *entry) *entry {
	e := &entry{
		key:     k,
		health:  healthcheck.NewHealth(k.Timing),
		history: healthcheck.NewHistory(s.options.History),
	}
	if predecessor != nil {
		e.health = predecessor.health.Retimed(k.Timing)
		for _, r := range predecessor.history.Results() {
			e.history.Add(r)
		}
	}
	s.entries.put(e)
	return e
}

// turnRound closes the round when every entry was seen, and opens a new one
// when that is not so any more. An open round goes on: whoever waits for it
// waits for the keys of the last apply.
func (s *state) turnRound() {
	switch {
	case s.unseen == 0 && !s.finished:
		close(s.round)
		s.finished = true
	case s.unseen > 0 && s.finished:
		s.round, s.finished = make(chan struct{}), false
	}
}

// takeOff returns the probes to start now: those due, up to the limit.
func (s *state) takeOff(now time.Time) []*flight {
	s.busy.forgive(now.Add(-s.options.Patience))
	due := s.schedule.Due(now, s.options.Limit-s.busy.count)
	flights := make([]*flight, 0, len(due))
	for _, e := range due {
		if s.enterLane(e) {
			flights = append(flights, s.launch(e, now))
		}
	}
	return append(flights, s.leaveLanes(now)...)
}

// launch prepares the probe of an entry.
func (s *state) launch(e *entry, now time.Time) *flight {
	f := &flight{entry: e, start: now, lane: s.lanes[e.key.Target.Addr()]}
	f.lane.busy++
	e.flight = f
	s.busy.add(f)
	return f
}

// key is what is probed now: the entry's key, or a cheaper one.
func (f *flight) key() healthcheck.Key {
	k := f.entry.key
	k.Settings = f.entry.health.Next(k.Settings)
	return k
}

// crowded reports whether a probe that ends may let another one start.
func (s *state) crowded() bool { return len(s.queued) > 0 || s.busy.count >= s.options.Limit }

// next returns when takeOff may have something to do again, false when only a
// landing or an apply can bring it.
func (s *state) next() (time.Time, bool) {
	at, ok := s.schedule.Next()
	if len(s.queued) > 0 && s.busy.count > 0 {
		if free := s.busy.oldest().Add(s.options.Patience); !ok || free.Before(at) {
			return free, true
		}
	}
	if ok && s.busy.count >= s.options.Limit {
		if free := s.busy.oldest().Add(s.options.Patience); free.After(at) {
			return free, true
		}
	}
	return at, ok
}

// land takes in the result of a probe. What a cancelled probe says, or one of
// a key that left, is about us and of no interest.
func (s *state) land(f *flight, result healthcheck.Result, now time.Time) (u Update, changed bool) {
	s.busy.remove(f)
	e := f.entry
	if e.gone || f.void {
		return Update{}, false
	}
	e.flight = nil
	if result.At.IsZero() {
		result.At, result.Duration = f.start, now.Sub(f.start)
	}
	if !e.health.Seen() {
		s.unseen--
	}
	old, advice := e.health.Verdict(), e.health.Advice()
	v, changed := e.health.Observe(result)
	s.schedule.Done(e, now, e.health.Pause())
	e.history.Add(result)
	e.answer(result)
	s.turnRound()
	tell := changed || e.health.Advice() != advice || e.key.Timing.LogFailures && !result.OK()
	return Update{Key: e.key, Old: old, New: v, Last: result, Routine: !tell}, tell || e.key.Timing.LogFile != ""
}

// status returns the snapshot of all entries.
func (s *state) status() []healthcheck.Status {
	all := make([]healthcheck.Status, 0, len(s.sorted))
	for _, e := range s.sorted {
		all = append(all, s.statusOf(e))
	}
	return all
}

func (s *state) statusOf(e *entry) healthcheck.Status {
	st := e.health.Status(e.key)
	st.Next, _ = s.schedule.NextOf(e)
	return st
}
