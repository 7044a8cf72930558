package daemon

import (
	"context"
	"net/netip"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// plan tells what would change if want replaced the running configuration.
func (s *supervisor) plan(ctx context.Context, want *conf.Config) conf.Plan {
	have := s.config()
	router, err := s.routerStatus(ctx)
	if err != nil { // states are left unknown
		router = routerStatus{}
	}
	p := conf.ComparePlan(have, want, liveOf(have, api.Status{Instances: instances(router)}))
	if !p.Disrupts() {
		return p
	}
	// Connections are counted only when some may be dropped: to ask the kernel
	// about ten thousand real servers costs more than the rest of a reload.
	return conf.ComparePlan(have, want, liveOf(have, s.status(ctx)))
}

// liveOf takes out of a status what a plan needs to know about the running
// daemon. Real servers that a role did not tell about are left unknown.
func liveOf(have *conf.Config, st api.Status) conf.Live {
	live := conf.Live{States: make(map[vrrp.RouterID]vrrp.State)}
	type instance struct {
		name, family string
		vrid         uint8
	}
	states := make(map[instance]vrrp.State, len(st.Instances))
	for _, in := range st.Instances {
		states[instance{in.Name, in.Family, in.VRID}] = in.State
	}
	for _, c := range have.Routers {
		if state, known := states[instance{c.Name, c.ID.Family.String(), c.ID.VRID}]; known {
			live.States[c.ID] = state
		}
	}
	if len(st.Services) == 0 {
		return live
	}
	live.Connections = make(map[ipvs.ServiceKey]map[netip.AddrPort]uint32)
	services := make(map[string]api.Service, len(st.Services))
	for _, svc := range st.Services {
		services[svc.Name] = svc
	}
	for _, c := range have.Services {
		if svc, known := services[c.Name]; known {
			live.Connections[c.Key] = connectionsOf(svc)
		}
	}
	return live
}

func connectionsOf(s api.Service) map[netip.AddrPort]uint32 {
	out := make(map[netip.AddrPort]uint32, len(s.RealServers))
	for _, rs := range s.RealServers {
		out[rs.Address] += rs.Active
	}
	return out
}
