package kernel

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
)

func network(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr        { return netip.MustParseAddr(s) }

// ourPaths lists our routes and rules of the namespace, of all tables.
func ourPaths(t *testing.T) (all []string) {
	t.Helper()
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Protocol: pathProtocol}, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
		must(t, err)
		for _, r := range routes {
			all = append(all, fmt.Sprintf("route %v table %d metric %d type %d via %v src %v hops %d", r.Dst, r.Table, r.Priority, r.Type, r.Gw, r.Src, len(r.MultiPath)))
		}
		rules, err := netlink.RuleList(family)
		must(t, err)
		for _, r := range rules {
			if r.Protocol == pathProtocol {
				all = append(all, fmt.Sprintf("rule %d from %v table %d mark %x iif %q", r.Priority, r.Src, r.Table, r.Mark, r.IifName))
			}
		}
	}
	slices.Sort(all)
	return all
}

// Routes and rules come with the addresses, also when somebody took those
// away, change with the configuration and go with the addresses.
func TestSafety_6_1_PathsFollowTheAddresses(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	c := vrrp.Config{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Paths: vrrp.Paths{
		Routes: []vrrp.Route{
			{Destination: network("198.51.100.0/24"), Type: vrrp.RouteUnicast, Via: ip("192.0.2.2"), Table: 254, Source: vip(100).Addr()},
			{Destination: network("0.0.0.0/0"), Type: vrrp.RouteUnicast, Table: 100, Metric: 7, Hops: []vrrp.Hop{
				{Via: ip("192.0.2.2"), Weight: 1}, {Via: ip("192.0.2.3"), Weight: 3},
			}},
			{Destination: network("203.0.113.0/24"), Type: vrrp.RouteBlackhole, Table: 254},
		},
		Rules: []vrrp.Rule{
			{Family: vrrp.IPv4, Priority: 1000, From: vip(100).Masked(), Action: vrrp.RuleLookup, Table: 100},
			{Family: vrrp.IPv6, Priority: 1001, Mark: 5, Mask: 0xff, In: "eth0", Action: vrrp.RuleProhibit},
		},
	}}
	want := []string{
		"route 0.0.0.0/0 table 100 metric 7 type 1 via <nil> src <nil> hops 2",
		"route 198.51.100.0/24 table 254 metric 0 type 1 via 192.0.2.2 src 192.0.2.100 hops 0",
		"route 203.0.113.0/24 table 254 metric 0 type 6 via <nil> src <nil> hops 0",
		`rule 1000 from 192.0.2.0/24 table 100 mark 0 iif ""`,
		`rule 1001 from <nil> table 0 mark 5 iif "eth0"`,
	}
	h := open(t, t.TempDir())
	defer h.Close()
	expect := func(when string, want []string) {
		t.Helper()
		must(t, h.Links().Flush(patience))
		if diff := cmp.Diff(want, ourPaths(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	h.Claim([]vrrp.Config{c})
	expect("backup", nil)
	h.Links().Hold(lease(1, 30, vip(100)))
	expect("master", want)
	if n := h.happened(runner.AddressFailed); n != 0 {
		t.Errorf("%d failures", n)
	}

	// The kernel removes the route whose source goes.
	must(t, netlink.AddrDel(device(t, "eth0"), parseAddr(t, vip(100).String())))
	await(t, "the address and its route", func() bool { return cmp.Equal(want, ourPaths(t)) })

	less := c
	less.Paths = vrrp.Paths{Routes: c.Paths.Routes[:1]}
	h.Claim([]vrrp.Config{less})
	expect("after a reload", want[1:2])
	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Epoch: 2})
	expect("backup again", nil)
}

// A route of the host is never replaced, and what cannot be added yet is tried
// again.
func TestPathsInTheWay(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	host := &netlink.Route{Dst: ipNet(network("198.51.100.0/24")), Gw: ipOf(ip("192.0.2.9"))}
	must(t, netlink.RouteAdd(host))
	h := open(t, t.TempDir())
	defer h.Close()
	h.Claim([]vrrp.Config{{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Paths: vrrp.Paths{Routes: []vrrp.Route{
		{Destination: network("198.51.100.0/24"), Type: vrrp.RouteUnicast, Via: ip("192.0.2.2"), Table: 254},
		{Destination: network("203.0.113.0/24"), Type: vrrp.RouteUnicast, Interface: "later0", Table: 254},
	}}}})
	h.Links().Hold(lease(1, 30, vip(100)))
	must(t, h.Links().Flush(patience))
	if n := h.happened(runner.AddressFailed); n != 1 {
		t.Errorf("%d failures reported, want one", n)
	}
	if got := ourPaths(t); got != nil {
		t.Errorf("ours: %v", got)
	}
	cable(t, "later0", "later1")
	must(t, netlink.RouteDel(host))
	await(t, "both routes", func() bool { return len(ourPaths(t)) == 2 })
}

// Static addresses and routes are there without any election, until the end.
func TestStatic(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	h := open(t, t.TempDir())
	h.staticFlush = patience
	// Addresses of one network must have one scope.
	first, second := network("192.0.2.50/32"), network("192.0.2.51/32")
	static := func(p netip.Prefix) vrrp.Config {
		return vrrp.Config{
			Addresses: []netip.Prefix{p}, Options: map[netip.Prefix]vrrp.AddressOptions{p: {Interface: "eth0", Label: "eth0:mgmt", Scope: 253}},
			Paths: vrrp.Paths{Routes: []vrrp.Route{{Destination: network("203.0.113.0/24"), Type: vrrp.RouteUnicast, Interface: "eth0", Table: 254}}},
		}
	}
	h.Static(static(first))
	h.Claim(nil)
	await(t, "the address and the route", func() bool {
		_, ok := onInterface(t, "eth0", first)
		return ok && len(ourPaths(t)) == 1
	})
	addrs, err := netlink.AddrList(device(t, "eth0"), netlink.FAMILY_V4)
	must(t, err)
	i := slices.IndexFunc(addrs, func(a netlink.Addr) bool { return a.IP.Equal(ipOf(first.Addr())) })
	if a := addrs[i]; a.Label != "eth0:mgmt" || a.Scope != 253 || a.ValidLft != math.MaxUint32 {
		t.Errorf("%+v label %q scope %d lifetime %d", a, a.Label, a.Scope, a.ValidLft)
	}
	h.Static(static(second))
	h.Claim(nil)
	await(t, "the other address", func() bool {
		_, was := onInterface(t, "eth0", first)
		_, is := onInterface(t, "eth0", second)
		return !was && is
	})
	must(t, h.Close())
	if _, there := onInterface(t, "eth0", second); there || len(ourPaths(t)) != 0 {
		t.Errorf("left behind: address %v, %v", there, ourPaths(t))
	}
}

// What a killed life left goes with the first configuration that has no use
// for it; the rest waits for its router.
func TestSafety_1_11_PathsOfAnEarlierLife(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	kept := vrrp.Route{Destination: network("198.51.100.0/24"), Type: vrrp.RouteBlackhole, Table: 254}
	gone := vrrp.Route{Destination: network("203.0.113.0/24"), Type: vrrp.RouteBlackhole, Table: 254}
	rule := vrrp.Rule{Family: vrrp.IPv4, Priority: 1000, From: vip(100).Masked(), Action: vrrp.RuleLookup, Table: 100}
	c := vrrp.Config{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Paths: vrrp.Paths{Routes: []vrrp.Route{kept, gone}, Rules: []vrrp.Rule{rule}}}
	dir := t.TempDir()
	first := open(t, dir)
	first.Claim([]vrrp.Config{c})
	first.Links().Hold(&vrrp.Hold{ID: routerA, Addresses: c.Held(), Epoch: 1})
	must(t, first.Links().Flush(patience))
	if n := len(ourPaths(t)); n != 3 {
		t.Fatalf("%d routes and rules, want 3: %v", n, ourPaths(t))
	}
	must(t, first.Close()) // removes nothing, like the end of a process

	second := open(t, dir)
	defer second.Close()
	must(t, second.Links().Flush(patience))
	if n := len(ourPaths(t)); n != 3 {
		t.Errorf("%d routes and rules before any configuration, want 3", n)
	}
	c.Paths = vrrp.Paths{Routes: []vrrp.Route{kept}}
	second.Claim([]vrrp.Config{c})
	must(t, second.Links().Flush(patience))
	want := []string{"route 198.51.100.0/24 table 254 metric 0 type 6 via <nil> src <nil> hops 0"}
	if diff := cmp.Diff(want, ourPaths(t)); diff != "" {
		t.Errorf("configured (-want +got):\n%s", diff)
	}
	second.Links().Release(&vrrp.Release{ID: routerA, Addresses: c.Held(), Epoch: 1})
	must(t, second.Links().Flush(patience))
	if left := ourPaths(t); len(left) > 0 {
		t.Errorf("released: %v", left)
	}
}
