package daemon

import (
	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// poolWeight is the weight of a real server with what its checks ask for. Call
// with the mutex held.
func (c *checkerRole) poolWeight(s conf.Service, rs ipvs.RealServer) int {
	w := rs.Weight
	for k := range healthcheck.Keys(s.Checks[rs.Address], rs.Address) {
		w = c.probes.Advice(k).Apply(w)
	}
	return w
}

// weightText describes an advice for people.
func weightText(a healthcheck.Advice) string {
	if a == (healthcheck.Advice{}) {
		return "the configured weight"
	}
	return a.String()
}
