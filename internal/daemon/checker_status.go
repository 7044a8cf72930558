package daemon

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"runtime"
	"slices"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
)

// status shows every service as the kernel has it and as the checks see it, as
// the JSON of a checkerStatus.
func (c *checkerRole) status() (json.RawMessage, error) {
	snap := c.table.snapshot()
	st := checkerStatus{Goroutines: runtime.NumGoroutine(), Error: snap.err, IPVS: snap.ipvs}
	st.IPVS.Sync, st.IPVS.SyncError = c.sync.status()
	index, stats := snap.table.Index(), indexStats(snap.stats)
	c.mu.Lock()
	defer c.mu.Unlock()
	services := []byte{'['}
	for i, s := range c.pools.services {
		v := c.view(s, index.Find(s.Key), stats[s.Key])
		for k := range s.Keys() {
			if index.Find(k) == nil {
				v.missing = append(v.missing, k)
			}
			v.total.add(stats[k].Counters)
		}
		service := v.service()
		st.Problems = append(st.Problems, v.problems(service)...)
		if i > 0 {
			services = append(services, ',')
		}
		var err error
		if services, err = v.append(services, service); err != nil {
			return nil, err
		}
	}
	return splice("Services", append(services, ']'), st)
}

// splice returns the JSON of an object that has, before the members of rest, one
// that is written already.
func splice(name string, value json.RawMessage, rest any) (json.RawMessage, error) {
	members, err := json.Marshal(rest)
	if err != nil {
		return nil, err
	}
	out := make(json.RawMessage, 0, len(value)+len(members)+len(name)+8)
	out = append(append(append(append(out, '{', '"'), name...), '"', ':'), value...)
	if len(members) > len("{}") {
		out = append(out, ',')
	}
	return append(out, members[1:]...), nil
}

// serviceView gathers what is known about one service.
type serviceView struct {
	role    *checkerRole
	svc     conf.Service
	pool    *poolState
	missing []ipvs.ServiceKey
	total   traffic // of all services of the pool
	// What is known of the first service by address: its destinations as the
	// kernel has them, their statistics, and why they have their weight.
	have    map[netip.AddrPort]ipvs.Destination
	stats   map[netip.AddrPort]ipvs.DestinationStats
	reasons map[netip.AddrPort]ipvs.Reason
}

// view indexes what is known, so that a service of thousands is gone through
// once. Call with the mutex held.
func (c *checkerRole) view(s conf.Service, have *ipvs.Entry, stats ipvs.ServiceStats) serviceView {
	v := serviceView{
		role: c, svc: s, pool: c.pools.byKey[s.Key],
		have: map[netip.AddrPort]ipvs.Destination{}, stats: map[netip.AddrPort]ipvs.DestinationStats{}, reasons: map[netip.AddrPort]ipvs.Reason{},
	}
	if have != nil {
		for _, d := range have.Destinations {
			v.have[d.Address] = d
		}
	}
	for _, d := range stats.Destinations {
		v.stats[d.Address] = d
	}
	for _, d := range v.pool.decision.Servers {
		v.reasons[d.Address] = d.Reason
	}
	return v
}

// traffic is a sum of counters.
type traffic ipvs.Counters

func (t *traffic) add(c ipvs.Counters) {
	t.Connections += c.Connections
	t.BytesIn += c.BytesIn
	t.BytesOut += c.BytesOut
}

func indexStats(all []ipvs.ServiceStats) map[ipvs.ServiceKey]ipvs.ServiceStats {
	x := make(map[ipvs.ServiceKey]ipvs.ServiceStats, len(all))
	for _, s := range all {
		x[s.Key] = s
	}
	return x
}

// append writes a service with its real servers, one after the other: all of
// them at once would take many times the memory.
func (v serviceView) append(to []byte, s api.Service) ([]byte, error) {
	reals := []byte{'['}
	for rs := range v.realServers() {
		text, err := json.Marshal(rs)
		if err != nil {
			return nil, err
		}
		if len(reals) > 1 {
			reals = append(reals, ',')
		}
		reals = append(reals, text...)
	}
	type withoutReals struct {
		api.Service
		RealServers *struct{} `json:"real_servers,omitempty"`
	}
	text, err := splice("real_servers", append(reals, ']'), withoutReals{Service: s})
	return append(to, text...), err
}

// problems are those of a service.
func (v serviceView) problems(s api.Service) []string {
	d := v.pool.decision
	held := 0
	for _, rs := range d.Servers {
		if rs.Reason == ipvs.ReasonHeld {
			held++
		}
	}
	if len(v.svc.RealServers) == 0 && len(d.Leaving) == 0 && v.svc.Fallback == nil {
		return nil
	}
	return serviceProblems(s, held)
}

// service is everything about the service itself.
func (v serviceView) service() api.Service {
	d := v.pool.decision
	s := api.Service{
		Name: v.svc.Name, Protocol: v.svc.Key.Protocol.String(), Address: v.svc.Key.Address, Keys: slices.Collect(v.svc.Keys()),
		Scheduler: v.svc.Scheduler, Persistent: v.svc.Persistent, Quiescent: v.svc.Quiescent,
		Available: d.Available, FallbackActive: d.FallbackActive,
		Weight: d.Weight, Quorum: d.Quorum, QuorumNeeded: v.svc.QuorumNeeded(), Suspended: v.role.pools.suspended(v.svc),
		Connections: v.total.Connections, BytesIn: v.total.BytesIn, BytesOut: v.total.BytesOut,
	}
	if v.svc.Key.Mark != 0 {
		s.Protocol = "fwmark"
	}
	if len(v.missing) > 0 {
		s.Error = fmt.Sprintf("not in the kernel's table: %v", v.missing)
	}
	return s
}

// realServers are those of the configuration, those that leave, and the
// fallback.
func (v serviceView) realServers() iter.Seq[api.RealServer] {
	return func(yield func(api.RealServer) bool) {
		for _, rs := range v.svc.RealServers {
			if !yield(v.realServer(rs)) {
				return
			}
		}
		for _, l := range v.pool.decision.Leaving {
			out := v.destination(ipvs.RealServer{Address: l.Address})
			out.Reason = l.Reason
			if !yield(out) {
				return
			}
		}
		if v.svc.Fallback != nil {
			fb := v.destination(*v.svc.Fallback)
			fb.Fallback = true
			yield(fb)
		}
	}
}

func (v serviceView) realServer(rs ipvs.RealServer) api.RealServer {
	out := v.destination(rs)
	out.Verdict = v.role.verdict(v.svc, rs.Address)
	out.Maintenance = v.role.maintenance.covers(rs.Address)
	out.Reason, out.Host = v.reasons[rs.Address], v.svc.HostNames[rs.Address]
	if o, ok := v.role.pools.overrides.find(v.svc.Name, rs.Address); ok {
		out.Override = &o
	}
	for _, ck := range v.svc.Checks[rs.Address] {
		p := v.role.probes.StatusOf(healthcheck.KeyFor(ck, rs.Address))
		p.Key = p.Key.Brief()
		out.Checks = append(out.Checks, api.Check{Name: ck.Name, Status: p})
		// The verdict is as old as the check that changed last.
		if p.Since.After(out.Since) {
			out.Since = p.Since
		}
	}
	return out
}

// destination is the kernel's view of one real server.
func (v serviceView) destination(rs ipvs.RealServer) api.RealServer {
	out := api.RealServer{Address: rs.Address, Forward: rs.Forward.String(), Configured: rs.Weight}
	d, ok := v.have[rs.KernelAddress(v.svc.Key)]
	out.InKernel, out.Weight = ok, d.Weight
	if st, counted := v.stats[d.Address]; ok && counted {
		out.Active, out.Inactive, out.Total = st.Active, st.Inactive, st.Connections
	}
	return out
}
