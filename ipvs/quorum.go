package ipvs

// quorum is whether a pool had enough weight when it was last looked at.
type quorum uint8

const (
	quorumOpen quorum = iota // never looked at
	quorumUp
	quorumDown
)

// decideQuorum judges the sum of weights, and without a quorum hands the pool
// to its fallback.
func (p *Pool) decideQuorum(d *Decision, servers []*server, suspended bool) {
	settled := !suspended
	for _, s := range servers {
		if s.weight > 0 {
			d.Weight += s.counted()
		}
		settled = settled && s.verdict != Unknown
	}
	before := p.quorum
	d.Quorum = p.enough(d.Weight)
	d.FallbackActive = !d.Quorum && p.cfg.Fallback != nil
	// With Alpha the fallback may serve before the first verdict, and whoever
	// cares about the quorum must know, as keepalived has it.
	replaced := p.cfg.anyAlpha() && d.FallbackActive && !suspended
	if before != quorumOpen || settled || replaced {
		p.quorum = quorumDown
		if d.Quorum {
			p.quorum = quorumUp
		}
	}
	if p.quorum != before {
		kind := QuorumLost
		if d.Quorum {
			kind = QuorumGained
		}
		d.Changes = append(d.Changes, Change{Kind: kind})
	}
	for i := range d.Changes {
		d.Changes[i].Weight = d.Weight
	}
	if !d.FallbackActive {
		return
	}
	for _, s := range servers {
		if s.weight > 0 {
			p.exclude(s, ReasonNoQuorum)
		}
	}
}

// counted is a serving real server's part of the sum. A slow start does not
// count against it: the pool would lose its quorum by a recovery.
func (s *server) counted() int {
	if s.reason == ReasonSlowStart {
		return s.full
	}
	return s.weight
}

// enough judges a sum of weights. The first one has no hysteresis: there is
// nothing yet to stay with.
func (p *Pool) enough(sum int) bool {
	need := p.cfg.QuorumNeeded()
	switch {
	case sum == 0:
		return false
	case p.quorum == quorumUp:
		return sum >= need-p.cfg.Hysteresis
	case p.quorum == quorumDown:
		return sum >= need+p.cfg.Hysteresis
	}
	return sum >= need
}
