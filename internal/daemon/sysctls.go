package daemon

import (
	"os"
	"reflect"

	"github.com/vipd/vipd/conf"
)

// sysctls are the kernel variables that a configuration asks for.
func sysctls(cfg conf.IPVS) map[string]string {
	out := map[string]string{}
	set := func(v *bool, names ...string) {
		if v == nil {
			return
		}
		for _, name := range names {
			out[name] = map[bool]string{false: "0", true: "1"}[*v]
		}
	}
	set(cfg.IPForward, "net.ipv4.ip_forward")
	if hasIPv6() {
		set(cfg.IPForward, "net.ipv6.conf.all.forwarding")
	}
	set(cfg.Conntrack, "net.ipv4.vs.conntrack")
	set(cfg.ExpireNoDest, "net.ipv4.vs.expire_nodest_conn")
	set(cfg.ExpireTemplates, "net.ipv4.vs.expire_quiescent_template")
	if cfg.SendRedirects != nil {
		set(cfg.SendRedirects, redirectNames()...)
	}
	return out
}

func hasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}

// redirectNames lists the variable of every interface: the kernel sends
// redirects when that of the interface or that of all says so.
func redirectNames() []string {
	entries, err := os.ReadDir("/proc/sys/net/ipv4/conf")
	if err != nil {
		return []string{"net.ipv4.conf.all.send_redirects"}
	}
	var out []string
	for _, e := range entries {
		name := []byte(e.Name())
		for i, c := range name {
			if c == '.' {
				name[i] = '/' // as sysctl writes the dot of a VLAN
			}
		}
		out = append(out, "net.ipv4.conf."+string(name)+".send_redirects")
	}
	return out
}

// equalSettings compares what the kernel is told.
func equalSettings(a, b conf.IPVS) bool { return reflect.DeepEqual(a, b) }
