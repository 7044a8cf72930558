package ipvs

import (
	"net/netip"
	"slices"
	"time"
)

// PoolImage is the memory of a pool as plain data, for another process to go on
// with.
type PoolImage struct {
	Servers []ServerImage
	Quorum  uint8
}

// ServerImage is what a pool remembers of a real server.
type ServerImage struct {
	Address netip.AddrPort
	Verdict Verdict
	Proven  bool
	Since   time.Time
	Out     bool
	Ramp    time.Time
}

// Image returns the memory of the pool.
func (p *Pool) Image() PoolImage {
	m := PoolImage{Quorum: uint8(p.quorum)}
	for a, s := range p.servers {
		m.Servers = append(m.Servers, ServerImage{a, s.verdict, s.proven, s.since, s.out, s.ramp})
	}
	slices.SortFunc(m.Servers, func(a, b ServerImage) int { return a.Address.Compare(b.Address) })
	return m
}

// Restore gives the pool the memory of another one. Real servers that are not
// configured are left out.
func (p *Pool) Restore(m PoolImage) {
	if m.Quorum <= uint8(quorumDown) {
		p.quorum = quorum(m.Quorum)
	}
	for _, s := range m.Servers {
		if p.servers[s.Address] != nil {
			p.servers[s.Address] = &memory{verdict: s.Verdict, proven: s.Proven, since: s.Since, out: s.Out, ramp: s.Ramp}
		}
	}
}
