package daemon

import (
	"fmt"
	"slices"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/vrrp"
)

// serviceStates tells for the named virtual servers whether any real server is
// available; those without a verdict yet are left out.
func (c *checkerRole) serviceStates(names []string) []vrrp.Observed {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []vrrp.Observed
	for _, s := range c.pools.services {
		if !slices.Contains(names, s.Name) {
			continue
		}
		if o := c.serviceState(s); o.State != vrrp.TrackUnknown {
			all = append(all, o)
		}
	}
	return all
}

// serviceState counts the real servers that take new connections. Call with
// the mutex held.
func (c *checkerRole) serviceState(s conf.Service) vrrp.Observed {
	o := vrrp.Observed{ID: vrrp.TrackID{Kind: vrrp.TrackService, Name: s.Name}, State: vrrp.TrackDown}
	up := 0
	for _, rs := range s.RealServers {
		switch v := c.verdict(s, rs.Address); {
		case rs.Weight == 0:
		case v == healthcheck.Up:
			up++
		case v == healthcheck.Unknown:
			o.State = vrrp.TrackUnknown
		}
	}
	if up > 0 {
		o.State = vrrp.TrackUp
	}
	o.Detail = fmt.Sprintf("%d of %d real servers are up", up, len(s.RealServers))
	return o
}
