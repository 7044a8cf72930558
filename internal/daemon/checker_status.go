package daemon

import (
	"net/netip"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
)

// status shows every service as the kernel has it and as the checks see it.
func (c *checkerRole) status() checkerStatus {
	table, stats, lastErr := c.table.snapshot()
	probes := make(map[healthcheck.Key]healthcheck.Status)
	st := checkerStatus{Error: lastErr}
	for _, p := range c.probes.Status() {
		probes[p.Key] = p
		st.Probes.Successes += p.Successes
		st.Probes.Failures += p.Failures
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.services {
		v := serviceView{role: c, svc: s, have: table.Find(s.Key), stats: findStats(stats, s.Key), probes: probes}
		st.Services = append(st.Services, v.service(table))
	}
	return st
}

// serviceView gathers what is known about one service.
type serviceView struct {
	role   *checkerRole
	svc    conf.Service
	have   *ipvs.Entry
	stats  ipvs.ServiceStats
	probes map[healthcheck.Key]healthcheck.Status
}

func findStats(all []ipvs.ServiceStats, key ipvs.ServiceKey) ipvs.ServiceStats {
	for _, s := range all {
		if s.Key == key {
			return s
		}
	}
	return ipvs.ServiceStats{}
}

func (v serviceView) service(table ipvs.Table) api.Service {
	pool := v.role.pool(v.svc, table)
	s := api.Service{
		Name: v.svc.Name, Protocol: v.svc.Key.Protocol.String(), Address: v.svc.Key.Address,
		Scheduler: v.svc.Scheduler, Persistent: v.svc.Persistent, Quiescent: v.svc.Quiescent,
		Available: pool.Available, FallbackActive: pool.FallbackActive,
		Connections: v.stats.Connections, BytesIn: v.stats.BytesIn, BytesOut: v.stats.BytesOut,
	}
	if v.have == nil {
		s.Error = "not in the kernel's table"
	}
	for _, rs := range v.svc.RealServers {
		s.RealServers = append(s.RealServers, v.realServer(rs))
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
	d, ok := v.have.Destination(netip.AddrPortFrom(rs.Address.Addr().Unmap(), rs.Address.Port()))
	out.InKernel, out.Weight = ok, d.Weight
	for _, st := range v.stats.Destinations {
		if st.Address == d.Address && ok {
			out.Active, out.Inactive, out.Total = st.Active, st.Inactive, st.Connections
		}
	}
	return out
}
