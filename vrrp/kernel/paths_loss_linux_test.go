package kernel

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
)

// Somebody removes routes and rules, and an interface that a route leads by
// goes down and up: everything is there again, with a word about who it was.
func TestPathsSurviveOthers(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24", "2001:db8::1/64")
	cable(t, "eth1", "peer1", "198.51.100.1/24")
	h := open(t, t.TempDir())
	defer h.Close()
	h.Claim([]vrrp.Config{{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Paths: vrrp.Paths{
		Routes: []vrrp.Route{
			{Destination: network("203.0.113.0/24"), Type: vrrp.RouteUnicast, Via: ip("192.0.2.2"), Source: vip(100).Addr()},
			{Destination: network("10.9.0.0/16"), Type: vrrp.RouteUnicast, Via: ip("198.51.100.2"), Interface: "eth1"},
			{Destination: network("2001:db8:9::/48"), Type: vrrp.RouteUnicast, Via: ip("2001:db8::2"), Interface: "eth0"},
		},
		Rules: []vrrp.Rule{
			{Family: vrrp.IPv4, Priority: 1000, Action: vrrp.RuleLookup, Table: 100},
			{Family: vrrp.IPv6, Priority: 1001, Action: vrrp.RuleProhibit},
		},
	}}})
	h.Links().Hold(lease(1, 60, vip(100)))
	must(t, h.Links().Flush(patience))
	want := ourPaths(t)
	if len(want) != 5 {
		t.Fatalf("begin with %q", want)
	}
	removed := 0
	for _, args := range []string{
		"ip route del 203.0.113.0/24", "ip route del 10.9.0.0/16", "ip -6 route del 2001:db8:9::/48",
		"ip rule del priority 1000", "ip -6 rule del priority 1001", "ip route del 203.0.113.0/24",
	} {
		words := strings.Fields(args)
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
		removed++
		await(t, "all again after "+args, func() bool {
			return cmp.Equal(want, ourPaths(t)) && h.happened(runner.PathRemoved) == removed && h.happened(runner.PathPutBack) == removed
		})
	}
	h.mu.Lock()
	for _, e := range h.events {
		// The process has ended, or is about to.
		if e.Kind == runner.PathRemoved && !strings.Contains(e.Detail, "pid ") {
			t.Errorf("%s: %s", e.Path, e.Detail)
		}
	}
	h.mu.Unlock()

	must(t, netlink.LinkSetDown(device(t, "eth1")))
	must(t, netlink.LinkSetUp(device(t, "eth1")))
	await(t, "the route by eth1", func() bool { return cmp.Equal(want, ourPaths(t)) })

	must(t, netlink.RouteDel(&netlink.Route{Dst: ipNet(network("203.0.113.0/24"))}))
	must(t, netlink.AddrDel(device(t, "eth0"), parseAddr(t, vip(100).String())))
	await(t, "the address and its route", func() bool { return cmp.Equal(want, ourPaths(t)) })

	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Epoch: 2})
	must(t, h.Links().Flush(patience))
	if got := ourPaths(t); got != nil {
		t.Errorf("a backup has %q", got)
	}
}
