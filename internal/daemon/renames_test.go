package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// named is a configuration with an instance on each interface and a virtual
// server on each of the addresses, in order.
func named(instances, services []string) *conf.Config {
	c := &conf.Config{}
	for i, name := range instances {
		c.Routers = append(c.Routers, vrrp.Config{Name: name, ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: uint8(i + 1)}})
	}
	for i, name := range services {
		c.Services = append(c.Services, conf.Service{Config: ipvs.Config{Name: name, Key: ipvs.ServiceKey{Mark: uint32(i + 1)}}})
	}
	return c
}

func TestFindRenames(t *testing.T) {
	for name, c := range map[string]struct {
		have, want *conf.Config
		renames    renames
	}{
		"nothing":  {named([]string{"a"}, []string{"x"}), named([]string{"a", "b"}, []string{"x", "y"}), renames{map[string]string{}, map[string]string{}}},
		"renamed":  {named([]string{"a", "b"}, []string{"x"}), named([]string{"c", "b"}, []string{"z"}), renames{map[string]string{"a": "c"}, map[string]string{"x": "z"}}},
		"swapped":  {named([]string{"a", "b"}, nil), named([]string{"b", "a"}, nil), renames{map[string]string{"a": "b", "b": "a"}, map[string]string{}}},
		"gone":     {named([]string{"a"}, []string{"x"}), named(nil, nil), renames{map[string]string{}, map[string]string{}}},
		"inserted": {named(nil, []string{"x", "y"}), named(nil, []string{"w", "x"}), renames{map[string]string{}, map[string]string{"x": "w", "y": "x"}}},
	} {
		if diff := cmp.Diff(c.renames, findRenames(c.have, c.want), cmp.AllowUnexported(renames{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What an operator ordered is about the thing, not about its name.
func TestOrdersFollowRenames(t *testing.T) {
	dir := t.TempDir()
	overrides, errOverrides := openOverrides(dir)
	standby, errStandby := openStandbyOrders(dir)
	if errOverrides != nil || errStandby != nil {
		t.Fatal(errOverrides, errStandby)
	}
	s := &supervisor{overrides: overrides, standby: standby}
	s.tracks = newTracking(s)
	for _, o := range []override{{Service: "x", Server: realOne, Weight: 7}, {Service: "y"}, {Service: "other"}} {
		if err := overrides.set(o); err != nil {
			t.Fatal(err)
		}
	}
	err := standby.change(func([]api.Standby) []api.Standby { return []api.Standby{{Instance: "a"}, {Instance: "b"}} })
	if err != nil {
		t.Fatal(err)
	}
	s.carryOver(findRenames(named([]string{"a", "b"}, []string{"x", "y"}), named([]string{"b", "a"}, []string{"new", "x"})))

	overrides, errOverrides = openOverrides(dir) // as after a restart
	standby, errStandby = openStandbyOrders(dir)
	if errOverrides != nil || errStandby != nil {
		t.Fatal(errOverrides, errStandby)
	}
	if diff := cmp.Diff([]override{{Service: "new", Server: realOne, Weight: 7}, {Service: "x"}, {Service: "other"}}, overrides.list, equateAddrs()); diff != "" {
		t.Errorf("overrides (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]api.Standby{{Instance: "b"}, {Instance: "a"}}, standby.all()); diff != "" {
		t.Errorf("standby (-want +got):\n%s", diff)
	}
}
