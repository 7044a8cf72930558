package ipvs

import (
	"slices"
	"time"
)

// guard keeps real servers in that the checks would take out beyond the
// pool's share: when everything seems dead, it is rather the checks that are.
// The first ones to go down stay out, the others are held.
func (p *Pool) guard(servers []*server) {
	if p.cfg.MinUp == (Share{}) {
		return
	}
	var capable, unproven int
	var down []*server
	for _, s := range servers {
		switch {
		case s.full == 0:
			continue
		case s.reason == ReasonDown && (s.proven || !p.cfg.AlphaServer(s.RealServer)):
			down = append(down, s)
		case s.reason == ReasonDown || s.reason == ReasonUnproven:
			unproven++
		}
		capable++
	}
	slices.SortStableFunc(down, func(a, b *server) int { return a.since.Compare(b.since) })
	allowed := max(capable-p.cfg.MinUp.Of(capable)-unproven, 0)
	for _, s := range down[min(allowed, len(down)):] {
		s.weight, s.reason, s.present = s.full, ReasonHeld, true
	}
}

// rampSteps is in how many steps a weight grows.
const rampSteps = 20

// ramp limits the weight of a real server that was out and is back. It
// returns when the weight grows next, zero when it has its full size.
func (p *Pool) ramp(s *server, now time.Time) time.Time {
	wasOut := s.out
	s.out = s.reason == ReasonDown || s.reason == ReasonUnproven
	switch {
	case s.verdict != Up || p.cfg.SlowStart <= 0:
		s.memory.ramp = time.Time{}
	case wasOut:
		s.memory.ramp = now
	}
	if s.memory.ramp.IsZero() || s.weight == 0 {
		return time.Time{}
	}
	step := max(p.cfg.SlowStart/rampSteps, 1)
	done := min(int64(max(now.Sub(s.memory.ramp), 0)/step), rampSteps)
	if done == rampSteps {
		s.memory.ramp = time.Time{}
		return time.Time{}
	}
	s.weight, s.reason = max(int(int64(s.full)*done/rampSteps), 1), ReasonSlowStart
	return s.memory.ramp.Add(time.Duration(done+1) * step)
}
