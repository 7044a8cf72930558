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
	return conf.ComparePlan(have, want, liveOf(have, s.status(ctx)))
}

// liveOf takes out of a status what a plan needs to know about the running
// daemon. Real servers that a role did not tell about are left unknown.
func liveOf(have *conf.Config, st api.Status) conf.Live {
	live := conf.Live{States: make(map[vrrp.RouterID]vrrp.State)}
	for _, c := range have.Routers {
		for _, in := range st.Instances {
			if in.Name == c.Name && in.VRID == c.ID.VRID && in.Family == c.ID.Family.String() {
				live.States[c.ID] = in.State
			}
		}
	}
	if len(st.Services) == 0 {
		return live
	}
	live.Connections = make(map[ipvs.ServiceKey]map[netip.AddrPort]uint32)
	for _, c := range have.Services {
		for _, svc := range st.Services {
			if svc.Name == c.Name {
				live.Connections[c.Key] = connectionsOf(svc)
			}
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
