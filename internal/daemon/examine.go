package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

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
	others := newOtherDaemons()
	all := others.listeners
	others.listeners = func(iface string) []kernel.Listener { return slices.DeleteFunc(all(iface), isVipd) }
	return doctor.ThisHost(others.running)
}

// isVipd reports whether a process runs this very program: the daemon whose
// machine is examined is not in its own way.
func isVipd(l kernel.Listener) bool {
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	its, err := os.Stat(fmt.Sprintf("/proc/%d/exe", l.PID))
	return err == nil && os.SameFile(own, its)
}
