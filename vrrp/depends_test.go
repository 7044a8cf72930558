package vrrp_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

// carriers puts addresses on interfaces of their own.
func carriers(options map[string]vrrp.AddressOptions) func(*vrrp.Config) {
	return func(c *vrrp.Config) {
		c.Options = make(map[netip.Prefix]vrrp.AddressOptions)
		for word, o := range options {
			p := netip.MustParsePrefix(word)
			c.Excluded, c.Options[p] = append(c.Excluded, p), o
		}
	}
}

// The interfaces of addresses count like what is tracked without a weight,
// each once, and beside a weight of the same interface.
func TestDepends(t *testing.T) {
	eth1 := vrrp.TrackID{Kind: vrrp.TrackInterface, Name: "eth1"}
	on := func(iface string) vrrp.AddressOptions { return vrrp.AddressOptions{Interface: iface} }
	for name, c := range map[string]struct {
		config vrrp.Config
		want   []vrrp.Track
	}{
		"own interface": {settings(carriers(map[string]vrrp.AddressOptions{"192.0.2.101/24": on("eth0"), "192.0.2.102/24": {}})), nil},
		"another":       {settings(carriers(map[string]vrrp.AddressOptions{"192.0.2.101/24": on("eth1"), "192.0.2.102/24": on("eth1")})), []vrrp.Track{{ID: eth1}}},
		"untracked":     {settings(carriers(map[string]vrrp.AddressOptions{"192.0.2.101/24": {Interface: "eth1", Untracked: true}})), nil},
		"tracked anyway": {settings(tracks(vrrp.Track{ID: eth1}), carriers(map[string]vrrp.AddressOptions{"192.0.2.101/24": on("eth1")})),
			[]vrrp.Track{{ID: eth1}}},
		"weighed too": {settings(tracks(vrrp.Track{ID: eth1, Weight: -60}), carriers(map[string]vrrp.AddressOptions{"192.0.2.101/24": on("eth1")})),
			[]vrrp.Track{{ID: eth1, Weight: -60}, {ID: eth1}}},
		"below a VMAC": {settings(func(c *vrrp.Config) { c.VMAC.Name = "vrrp.51" }, carriers(map[string]vrrp.AddressOptions{"192.0.2.101/24": on("vrrp.51")})), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.config.Depends()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A master whose address sits on an interface that goes down leaves, for every
// member of its group, as keepalived 2.2 does; with no_track neither does.
func TestKeepalived_InterfaceOfAnAddress(t *testing.T) {
	for _, untracked := range []bool{false, true} {
		t.Run(fmt.Sprint("untracked ", untracked), func(t *testing.T) {
			g := newMaster(t, settings(carriers(map[string]vrrp.AddressOptions{"198.51.100.7/24": {Interface: "eth1", Untracked: untracked}})))
			g.step(linkUp("eth1"))
			g.log = nil
			g.step(&vrrp.Link{Interface: "eth1", Exists: true})
			if untracked {
				g.seen()
				g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
				return
			}
			g.inState(vrrp.StateFault, vrrp.ReasonTracked)
			g.says("fault because something it depends on is down (interface eth1)", "would take part again if interface eth1 recovered")
			g.step(linkUp("eth1"))
			g.inState(vrrp.StateBackup, vrrp.ReasonInterfaceUp)
			g.step(&vrrp.Link{Interface: "eth1"})
			g.inState(vrrp.StateFault, vrrp.ReasonTracked)
		})
	}
}
