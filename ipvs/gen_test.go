package ipvs_test

import (
	"net/netip"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

func genConfig() *rapid.Generator[ipvs.Config] {
	return rapid.Custom(func(t *rapid.T) ipvs.Config {
		c := web()
		c.Quiescent = rapid.Bool().Draw(t, "quiescent")
		c.RealServers = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) ipvs.RealServer {
			return ipvs.RealServer{
				Address: ipvstest.Addresses(2).Draw(t, "address"),
				Weight:  rapid.IntRange(0, 3).Draw(t, "weight"),
				Forward: ipvstest.Forwards().Draw(t, "forward"),
			}
		}), 0, 5, func(r ipvs.RealServer) netip.AddrPort { return r.Address }).Draw(t, "real servers")
		if rapid.Bool().Draw(t, "no fallback") {
			c.Fallback = nil
		}
		return c
	})
}
