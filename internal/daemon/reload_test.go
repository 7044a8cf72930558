package daemon

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

func TestDescribeChanges(t *testing.T) {
	router := func(name string, vrid, prio uint8) vrrp.Config {
		return vrrp.Config{Name: name, ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: vrid}, Priority: prio}
	}
	service := func(name, addr, sched string) conf.Service {
		return conf.Service{Config: ipvs.Config{
			Name: name, Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort(addr)}, Scheduler: sched,
		}}
	}
	have := &conf.Config{
		Routers:  []vrrp.Config{router("a", 1, 100), router("b", 2, 100)},
		Services: []conf.Service{service("web", "192.0.2.1:80", "wlc"), service("old", "192.0.2.1:81", "wlc")},
	}
	want := &conf.Config{
		Global:   conf.Global{LogLevel: "debug"},
		Routers:  []vrrp.Config{router("a", 1, 150), router("b", 2, 100), router("c", 3, 100)},
		Services: []conf.Service{service("web", "192.0.2.1:80", "rr")},
	}
	expect := []string{
		`change vrrp_instance "a"`, `add vrrp_instance "c"`,
		`change virtual_server "web"`, `remove virtual_server "old"`, "change global",
	}
	if diff := cmp.Diff(expect, describeChanges(have, want)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got := describeChanges(have, have); len(got) != 0 {
		t.Errorf("equal configurations differ: %v", got)
	}
}
