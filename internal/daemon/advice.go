package daemon

import (
	"slices"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// advised returns a service's configuration with the weights that its checks
// ask for.
func (c *checkerRole) advised(s conf.Service) ipvs.Config {
	cfg := s.Config
	cfg.RealServers = slices.Clone(cfg.RealServers)
	for i, rs := range cfg.RealServers {
		for _, k := range healthcheck.Keys(s.Checks[rs.Address], rs.Address) {
			cfg.RealServers[i].Weight = c.probes.Advice(k).Apply(cfg.RealServers[i].Weight)
		}
	}
	return cfg
}

// weightText describes an advice for people.
func weightText(a healthcheck.Advice) string {
	if a == (healthcheck.Advice{}) {
		return "the configured weight"
	}
	return a.String()
}
