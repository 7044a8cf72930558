package daemon

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// pools are the virtual servers of a configuration with their memory. All
// methods are called with the role's mutex held.
type pools struct {
	services  []conf.Service
	states    []*poolState // in the order of the services
	byKey     map[ipvs.ServiceKey]*poolState
	users     users
	overrides overrideIndex
	last      overrideSet // that overrides was made of
	away      map[netip.Addr]bool
	tellFirst bool      // who of a fresh pool is taken for alive
	expire    bool      // persistence templates must not outlive weight 0
	next      time.Time // when time alone changes something
}

// poolState is one virtual server with its last decision.
type poolState struct {
	pool     *ipvs.Pool
	decision ipvs.Decision
	touched  bool // a probe has news for it since the last decision
	fresh    bool // nobody was told anything about it
}

// due reports whether the last decision may be another now.
func (st *poolState) due(now time.Time) bool {
	next := st.decision.Next
	return st.touched || !next.IsZero() && !next.After(now)
}

// configure replaces the services; those that stay keep their memory. A group
// stays as long as it keeps one of its addresses and its name. Those that are new
// are fresh, unless a checker before this one has told of them.
func (p *pools) configure(services []conf.Service, fresh bool) {
	p.users = users{} // until the probes are known
	before, named := p.byKey, make(map[string]*poolState, len(p.services))
	for _, s := range p.services {
		for k := range s.Keys() {
			named[s.Name+" "+k.String()] = before[s.Key]
		}
	}
	p.services, p.states, p.byKey = services, make([]*poolState, len(services)), make(map[ipvs.ServiceKey]*poolState, len(services))
	taken := make(map[*poolState]bool, len(services))
	for _, s := range services {
		p.byKey[s.Key] = before[s.Key]
		taken[before[s.Key]] = true
	}
	for i, s := range services {
		st := p.byKey[s.Key]
		for k := range s.Keys() {
			if same := named[s.Name+" "+k.String()]; st == nil && !taken[same] {
				st = same
			}
		}
		if st == nil {
			st = &poolState{pool: ipvs.NewPool(s.Config), fresh: fresh}
		} else {
			st.pool.Configure(s.Config)
		}
		p.states[i], p.byKey[s.Key] = st, st
	}
	p.expire = ipvs.NeedTemplateExpiry(p.configs())
}

// retune changes the settings of pools that stay what and where they are, with
// the probes that they have: changed are the places in services of those that are
// not what they were. It returns false, having done nothing, when more is
// different.
func (p *pools) retune(services []conf.Service, changed []int) bool {
	if len(services) != len(p.services) {
		return false
	}
	for _, i := range changed {
		if !retunes(&p.services[i], &services[i]) {
			return false
		}
	}
	p.services = services
	for _, i := range changed {
		p.states[i].pool.Configure(services[i].Config)
		p.states[i].touched = true
	}
	p.expire = ipvs.NeedTemplateExpiry(p.configs())
	return true
}

// retunes reports whether two virtual servers are one and ask the same probes.
func retunes(was, is *conf.Service) bool {
	return slices.Equal(slices.Collect(was.Keys()), slices.Collect(is.Keys())) &&
		was.HASuspend == is.HASuspend && slices.Equal(slices.Collect(probesOf(was)), slices.Collect(probesOf(is)))
}

// probesOf yields the probes of a virtual server.
func probesOf(s *conf.Service) iter.Seq[healthcheck.Key] {
	return func(yield func(healthcheck.Key) bool) {
		for i := range s.RealServers {
			address := s.RealServers[i].Address
			for k := range healthcheck.Keys(s.Checks[address], address) {
				if !yield(k) {
					return
				}
			}
		}
	}
}

// override takes the later of two sets of overrides.
func (p *pools) override(set overrideSet) {
	if set.Seq >= p.last.Seq {
		p.last, p.overrides = set, indexOverrides(set.List)
	}
}

// setAway says which virtual addresses another director holds, and tells whether
// that changes which services rest.
func (p *pools) setAway(addrs []netip.Addr) (changed bool) {
	rested := p.resting()
	p.away = make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		p.away[a] = true
	}
	return !slices.Equal(rested, p.resting())
}

// resting lists the services whose checks rest, by their place.
func (p *pools) resting() (places []int) {
	for i := range p.services {
		if p.suspended(p.services[i]) {
			places = append(places, i)
		}
	}
	return places
}

// suspended reports whether the checks of a service rest: it wants that, and
// all its addresses are elsewhere.
func (p *pools) suspended(s conf.Service) bool {
	if !s.HASuspend {
		return false
	}
	for k := range s.Keys() {
		if !p.away[k.Address.Addr()] {
			return false
		}
	}
	return true
}

// probeKeys lists all probes that the services need now, and remembers whose
// they are. Equal keys are one probe.
func (p *pools) probeKeys() []healthcheck.Key {
	n := 0
	for i := range p.services {
		n += len(p.services[i].RealServers)
	}
	keys := make([]healthcheck.Key, 0, n) // of thousands, growing would leave as much again behind
	p.users = newUsers()
	for i := range p.services {
		if p.suspended(p.services[i]) {
			continue
		}
		for k := range probesOf(&p.services[i]) {
			keys = append(keys, k)
			p.users.add(k, i)
		}
	}
	return keys
}

// touch says that a probe has news for the services that it judges.
func (p *pools) touch(k healthcheck.Key) {
	for _, i := range p.users.of(k) {
		p.states[i].touched = true
	}
}

// judge says what the checks say.
type judge interface {
	poolVerdict(conf.Service, netip.AddrPort) ipvs.Verdict
	poolWeight(conf.Service, ipvs.RealServer) int
	// poolReason says for people why a real server is up or down.
	poolReason(conf.Service, netip.AddrPort) string
	// poolIdle reports whether the kernel counts no connection of a destination.
	poolIdle(ipvs.ServiceKey, netip.AddrPort) bool
}

// decide computes what the kernel should hold of those services whose last
// decision may be another now, or of all, and the news. The others cost next
// to nothing: one verdict concerns a few real servers among many thousand.
func (p *pools) decide(now time.Time, have func(ipvs.ServiceKey) *ipvs.Entry, all bool, checks judge) (ipvs.Table, []poolChange) {
	var want ipvs.Table
	var news []poolChange
	p.next = time.Time{}
	for i, st := range p.states {
		if all || st.due(now) {
			news = append(news, p.decideOne(i, now, have, checks)...)
			want = append(want, st.decision.Entries...)
		}
		if n := st.decision.Next; !n.IsZero() && (p.next.IsZero() || n.Before(p.next)) {
			p.next = n
		}
	}
	want.Sort()
	return want, news
}

// leaving lists the services with destinations that drain, of those that decide
// would decide about.
func (p *pools) leaving(now time.Time, all bool) (keys []ipvs.ServiceKey) {
	for _, st := range p.states {
		if all || st.due(now) {
			keys = slices.AppendSeq(keys, st.pool.Leaving())
		}
	}
	return keys
}

// decideOne decides about one service and returns the news. With the first
// decision a fallback serves that waits for the first verdicts, whether some of
// them are there already or not: otherwise it would be chance who is told of it.
func (p *pools) decideOne(i int, now time.Time, have func(ipvs.ServiceKey) *ipvs.Entry, checks judge) (news []poolChange) {
	s, st := p.services[i], p.states[i]
	verdict := func(a netip.AddrPort) ipvs.Verdict { return checks.poolVerdict(s, a) }
	unproven := st.fresh && s.ServesUnproven()
	if unproven {
		verdict = func(netip.AddrPort) ipvs.Verdict { return ipvs.Unknown }
	}
	st.touched = false
	st.decision = st.pool.Decide(ipvs.Inputs{
		Now:       now,
		Verdict:   verdict,
		Weight:    func(rs ipvs.RealServer) int { return checks.poolWeight(s, rs) },
		Override:  func(a netip.AddrPort) (int, bool) { return p.overrides.weight(s.Name, a) },
		Have:      have,
		Idle:      checks.poolIdle,
		Suspended: p.suspended(s),
	})
	if st.fresh && p.tellFirst {
		news = append(news, presumed(&s, checks)...)
	}
	if unproven {
		st.decision.Next = now // and now with what the checks say
	}
	st.fresh = false
	for _, c := range st.decision.Changes {
		change := poolChange{Service: s.Name, Change: c}
		if c.Server.IsValid() {
			change.Reason = checks.poolReason(s, c.Server)
		}
		news = append(news, change)
	}
	return news
}

// presumed are the real servers of a new pool that serve before a check has said
// anything about them.
func presumed(s *conf.Service, checks judge) []poolChange {
	var out []poolChange
	for _, rs := range s.RealServers {
		if !s.AlphaServer(rs) && checks.poolVerdict(*s, rs.Address) != ipvs.Down {
			out = append(out, poolChange{Service: s.Name, Change: ipvs.Change{Kind: ipvs.ServerUp, Server: rs.Address}})
		}
	}
	return out
}

// configs lists the pools' own part of the services.
func (p *pools) configs() []ipvs.Config {
	all := make([]ipvs.Config, 0, len(p.services))
	for _, s := range p.services {
		all = append(all, s.Config)
	}
	return all
}

// describe words a change for the log.
func (c poolChange) describe() string {
	switch c.Kind {
	case ipvs.QuorumGained:
		return fmt.Sprintf("virtual server %s has its quorum, weight %d", c.Service, c.Weight)
	case ipvs.QuorumLost:
		return fmt.Sprintf("virtual server %s lost its quorum, weight %d", c.Service, c.Weight)
	case ipvs.ServerUp:
		return fmt.Sprintf("real server %s of %s is up", c.Server, c.Service)
	default:
		return fmt.Sprintf("real server %s of %s is down", c.Server, c.Service)
	}
}
