package daemon

import (
	"fmt"
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
	probes := make(map[healthcheck.Key]healthcheck.Status)
	st := checkerStatus{Goroutines: runtime.NumGoroutine(), Error: snap.err, IPVS: snap.ipvs}
	st.IPVS.Sync, st.IPVS.SyncError = c.sync.status()
	for _, p := range c.probes.Status() {
		probes[p.Key] = p
		st.Probes.Successes += p.Successes
		st.Probes.Failures += p.Failures
	}
	index, stats := snap.table.Index(), indexStats(snap.stats)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.pools.services {
		v := serviceView{role: c, svc: s, pool: c.pools.byKey[s.Key], have: index.Find(s.Key), stats: stats[s.Key], probes: probes}
		for k := range s.Keys() {
			if index.Find(k) == nil {
				v.missing = append(v.missing, k)
			}
			v.total.add(stats[k].Counters)
		}
		st.Services = append(st.Services, v.service())
	}
	return st
}

// serviceView gathers what is known about one service.
type serviceView struct {
	role    *checkerRole
	svc     conf.Service
	pool    *poolState
	have    *ipvs.Entry // of the first service
	stats   ipvs.ServiceStats
	missing []ipvs.ServiceKey
	total   traffic // of all services of the pool
	probes  map[healthcheck.Key]healthcheck.Status
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
	out.Reason, out.Host = v.pool.find(rs.Address).Reason, v.svc.HostNames[rs.Address]
	if o, ok := v.role.pools.overrides.find(v.svc.Name, rs.Address); ok {
		out.Override = &o
	}
	for _, ck := range v.svc.Checks[rs.Address] {
		p := v.probes[healthcheck.KeyFor(ck, rs.Address)]
		p.Key.Settings = p.Key.Settings.Public()
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
	d, ok := v.have.Destination(rs.KernelAddress(v.svc.Key))
	out.InKernel, out.Weight = ok, d.Weight
	for _, st := range v.stats.Destinations {
		if st.Address == d.Address && ok {
			out.Active, out.Inactive, out.Total = st.Active, st.Inactive, st.Connections
		}
	}
	return out
}
