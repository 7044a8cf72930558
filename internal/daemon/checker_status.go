package daemon

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"slices"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
)

// status shows every service as the kernel has it and as the checks see it.
func (c *checkerRole) status() checkerStatus {
	snap := c.table.snapshot()
	st := checkerStatus{Goroutines: runtime.NumGoroutine(), Error: snap.err, IPVS: snap.ipvs}
	st.IPVS.Sync, st.IPVS.SyncError = c.sync.status()
	index, stats := snap.table.Index(), indexStats(snap.stats)
	c.mu.Lock()
	defer c.mu.Unlock()
	var services []api.Service
	for _, s := range c.pools.services {
		v := c.view(s, index.Find(s.Key), stats[s.Key])
		for k := range s.Keys() {
			if index.Find(k) == nil {
				v.missing = append(v.missing, k)
			}
			v.total.add(stats[k].Counters)
		}
		services = append(services, v.service())
		st.Problems = append(st.Problems, serviceProblems(services[len(services)-1])...)
	}
	var err error
	if st.Services, err = json.Marshal(services); err != nil {
		st.Error = cmp.Or(st.Error, err.Error())
	}
	return st
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
	for _, rs := range v.svc.RealServers {
		s.RealServers = append(s.RealServers, v.realServer(rs))
	}
	for _, l := range d.Leaving {
		out := v.destination(ipvs.RealServer{Address: l.Address})
		out.Reason = l.Reason
		s.RealServers = append(s.RealServers, out)
	}
	if v.svc.Fallback != nil {
		fb := v.destination(*v.svc.Fallback)
		fb.Fallback = true
		s.RealServers = append(s.RealServers, fb)
	}
	return s
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
