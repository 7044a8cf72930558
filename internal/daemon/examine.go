package daemon

import (
	"fmt"
	"net/netip"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/doctor"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp/kernel"
)

// ExamineDirector looks for what keeps this machine from being the director
// of a configuration.
func ExamineDirector(cfg *conf.Config) []doctor.Finding {
	return doctor.Director(thisHost(), cfg)
}

// ExamineRealServer looks for what keeps this machine from being a real server
// that is reached by "direct", "tunnel" or "masquerade".
func ExamineRealServer(vip netip.Addr, method string) ([]doctor.Finding, error) {
	for _, f := range []ipvs.Forward{ipvs.Direct, ipvs.Tunnel, ipvs.Masquerade} {
		if f.String() == method {
			return doctor.RealServer(thisHost(), vip, f), nil
		}
	}
	return nil, fmt.Errorf("unknown forwarding method %q", method)
}

func thisHost() *doctor.Host {
	return doctor.ThisHost(func(iface string) string {
		other, _ := kernel.OtherDaemon(iface)
		return other
	})
}
