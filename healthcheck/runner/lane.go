package runner

import (
	"net/netip"
	"time"
)

// lane holds the probes of one address: a real server with many services must
// not be asked everything at the same moment. As with the overall limit, a
// probe counts for Patience at most: one that hangs delays no other.
type lane struct {
	busy    int      // probes under way that count
	waiting []*entry // whose slot has come
}

// enterLane reports whether the probe of e may start now. If not, it starts
// when another one of the same address ends.
func (s *state) enterLane(e *entry) bool {
	address := e.key.Target.Addr()
	l := s.lanes[address]
	if l == nil {
		l = &lane{}
		s.lanes[address] = l
	}
	if l.busy >= s.options.PerTarget {
		l.waiting = append(l.waiting, e)
		s.queued[address] = struct{}{}
		return false
	}
	return true
}

// leaveLanes starts what waited for its lane, as long as the overall limit
// allows.
func (s *state) leaveLanes(now time.Time) []*flight {
	var flights []*flight
	for address := range s.queued {
		l := s.lanes[address]
		for len(l.waiting) > 0 && l.busy < s.options.PerTarget && s.busy.count < s.options.Limit {
			e := l.waiting[0]
			l.waiting = l.waiting[1:]
			if e.gone {
				continue
			}
			flights = append(flights, s.launch(e, now))
		}
		if len(l.waiting) == 0 {
			delete(s.queued, address)
		}
	}
	return flights
}

// forgetLanes drops the lanes of addresses that have no probe any more.
func (s *state) forgetLanes() {
	used := map[netip.Addr]bool{}
	for _, e := range s.sorted {
		used[e.key.Target.Addr()] = true
	}
	for address, l := range s.lanes {
		if !used[address] && l.busy == 0 {
			delete(s.lanes, address)
			delete(s.queued, address)
		}
	}
}
