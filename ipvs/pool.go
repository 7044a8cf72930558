package ipvs

import (
	"net/netip"
	"time"
)

// Pool decides weights, quorum and fallback of one virtual server. It keeps
// what takes a memory: since when a real server is down, whether the quorum
// was there. It has no clock: Decide is told the time.
//
//	verdict, weight, override ─► weigh ─► guard (MinUp) ─► ramp (SlowStart) ─► quorum ─► entries
type Pool struct {
	cfg     Config
	servers map[netip.AddrPort]*memory
	quorum  quorum
	leaving map[leaver]period
}

// memory is what a pool remembers of a real server.
type memory struct {
	verdict Verdict
	proven  bool      // it has served
	since   time.Time // of the verdict
	out     bool      // the checks kept it out in the last decision
	ramp    time.Time // when its slow start began; zero = none
	edited  bool      // its configured weight is not the one it came with
}

// NewPool returns a pool that has seen nothing yet.
func NewPool(cfg Config) *Pool {
	p := &Pool{}
	p.Configure(cfg)
	return p
}

// Configure changes the configuration. Real servers that stay keep their
// history, and the pool its quorum.
func (p *Pool) Configure(cfg Config) {
	before, weights := p.servers, make(map[netip.AddrPort]int, len(p.cfg.RealServers))
	for _, rs := range p.cfg.RealServers {
		weights[rs.Address] = rs.Weight
	}
	p.cfg, p.servers = cfg, make(map[netip.AddrPort]*memory, len(cfg.RealServers))
	for _, rs := range cfg.RealServers {
		m := before[rs.Address]
		if m == nil {
			m = &memory{}
		} else if weights[rs.Address] != rs.Weight {
			m.edited = true
		}
		p.servers[rs.Address] = m
	}
}

// server is a real server on its way through one decision.
type server struct {
	RealServer
	*memory
	full    int // its share when nothing is wrong
	weight  int
	present bool
	reason  Reason
}

// Decide tells what the pool should look like:
//
//   - Up: the full weight, the one of the operator, of the checks or of the
//     configuration. After a recovery it grows (SlowStart).
//   - Down: weight 0 when quiescent, so that established connections live on;
//     otherwise not in the table. Unless too many are down (MinUp): then those
//     that went down last stay as they are, as rather the checks are wrong.
//   - Unknown: the weight that the kernel already has, 0 included: a restart
//     neither disturbs a serving server nor wakes one that was found dead. A
//     weight that was configured anew meanwhile counts at once.
//     A server that the kernel does not have is assumed up, as keepalived
//     does, or with Alpha kept out until proven.
//
// The pool has its quorum while the sum of full weights of serving real
// servers is at least Quorum, with Hysteresis on both sides, and never at 0.
// Without it the fallback, if there is one, takes all new connections; it is
// in the table exactly then, unless FallbackInhibit keeps it there with weight
// 0. A fallback that is also a real server has one place in the kernel; while
// active, its settings as the fallback count.
func (p *Pool) Decide(in Inputs) Decision {
	var d Decision
	servers := make([]*server, len(p.cfg.RealServers))
	in.had = make(map[ServiceKey]*seeker)
	for i, rs := range p.cfg.RealServers {
		m := p.servers[rs.Address]
		d.Changes = append(d.Changes, m.observe(rs, in, p.cfg.AlphaServer(rs))...)
		servers[i] = &server{RealServer: rs, memory: m}
		p.weigh(servers[i], in)
	}
	p.guard(servers)
	for _, s := range servers {
		d.Next = earlier(d.Next, p.ramp(s, in.Now))
	}
	p.decideQuorum(&d, servers, in.Suspended)
	p.fill(&d, servers)
	p.drain(&d, in)
	return d
}

// observe takes a verdict and returns the news in it: with alpha, that a server
// is up for the first time, too. Where checks have none, because a reload changed
// what they ask for, the last one stands.
func (m *memory) observe(rs RealServer, in Inputs, alpha bool) []Change {
	if in.Suspended {
		return nil
	}
	old, v := m.verdict, in.Verdict(rs.Address)
	if v == old || v == Unknown {
		return nil
	}
	m.verdict, m.since = v, in.Now
	switch {
	case v == Down:
		return []Change{{Kind: ServerDown, Server: rs.Address}}
	case old == Down, alpha && !m.proven:
		return []Change{{Kind: ServerUp, Server: rs.Address}}
	}
	return nil
}

// weigh decides about one real server by itself.
func (p *Pool) weigh(s *server, in Inputs) {
	s.full, s.reason, s.present = s.Weight, ReasonUp, true
	if in.Weight != nil {
		s.full = in.Weight(s.RealServer)
	}
	w, overridden := 0, false
	if in.Override != nil {
		w, overridden = in.Override(s.Address)
	}
	switch {
	case overridden && w == 0:
		s.full, s.reason = 0, ReasonDrained
	case overridden:
		s.full, s.reason = w, ReasonOverride
	case s.full == 0:
		s.reason = ReasonZero
	}
	s.weight = s.full
	switch s.verdict {
	case Down:
		p.exclude(s, ReasonDown)
	case Unknown:
		p.weighUnknown(s, in, overridden)
	case Up:
		s.proven = true
	}
}

// exclude keeps a real server from new connections.
func (p *Pool) exclude(s *server, why Reason) {
	s.weight, s.reason, s.present = 0, why, p.cfg.QuiescentServer(s.RealServer)
}

// weighUnknown decides about a real server without a verdict.
func (p *Pool) weighUnknown(s *server, in Inputs, overridden bool) {
	old, found := p.have(s.RealServer, in)
	switch {
	case p.cfg.AlphaServer(s.RealServer) && old.Weight == 0:
		p.exclude(s, ReasonUnproven)
		return
	case found && !overridden && s.full > 0 && (old.Weight == 0 || !s.edited):
		s.weight, s.reason = old.Weight, ReasonUnknown
	case s.reason == ReasonUp:
		s.reason = ReasonUnknown
	}
	s.proven = true
}

// have returns what the kernel has of a real server.
func (p *Pool) have(rs RealServer, in Inputs) (Destination, bool) {
	if in.Have == nil {
		return Destination{}, false
	}
	for k := range p.cfg.Keys() {
		had, known := in.had[k]
		if !known {
			had = seek(in.Have(k).destinations())
			in.had[k] = had
		}
		if d, ok := had.destination(rs.KernelAddress(k)); ok {
			return d, true
		}
	}
	return Destination{}, false
}

// fill writes the decision down.
func (p *Pool) fill(d *Decision, servers []*server) {
	for _, s := range servers {
		if s.weight > 0 {
			d.Available++
		}
		d.Servers = append(d.Servers, ServerDecision{Address: s.Address, Weight: s.weight, Present: s.present, Reason: s.reason})
	}
	for k := range p.cfg.Keys() {
		put := seek(make([]Destination, 0, len(servers)+1))
		for _, s := range servers {
			if s.present {
				put.put(s.destination(k, s.weight), true)
			}
		}
		if fb := p.cfg.Fallback; fb != nil && (d.FallbackActive || p.cfg.FallbackInhibit) {
			put.put(fb.destination(k, d.fallbackWeight(*fb)), d.FallbackActive)
		}
		e := Entry{Service: p.cfg.service(k), Destinations: put.list}
		Table{e}.Sort()
		d.Entries = append(d.Entries, e)
	}
}

func (d *Decision) fallbackWeight(fb RealServer) int {
	if !d.FallbackActive {
		return 0
	}
	return max(fb.Weight, 1)
}

// earlier returns the earlier of two times, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
