package conf

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// pairOf returns two nodes with one virtual router each; change alters the
// second.
func pairOf(change func(a, b *vrrp.Config)) []Node {
	nodes := []Node{{Name: "lb1", Config: &Config{Files: []string{"a"}}}, {Name: "lb2", Config: &Config{Files: []string{"b"}}}}
	var routers []*vrrp.Config
	for i, n := range nodes {
		n.Config.Routers = []vrrp.Config{{
			Name: "web", ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}, Version: 3, Priority: uint8(150 - 50*i),
			AdvertInterval: time.Second, Preempt: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.100/24")},
		}}
		routers = append(routers, &n.Config.Routers[0])
	}
	change(routers[0], routers[1])
	return nodes
}

func peer(addr string) []vrrp.Peer { return []vrrp.Peer{{Address: netip.MustParseAddr(addr)}} }

func addresses(list ...string) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func weight(n int) []vrrp.Track {
	return []vrrp.Track{{ID: vrrp.TrackID{Kind: vrrp.TrackScript, Name: "web"}, Weight: n}}
}

// togetherCase is a change to two nodes that are well, and what is told then.
type togetherCase struct {
	change func(a, b *vrrp.Config)
	want   []string
}

var togetherCases = map[string]togetherCase{
	"well":             {func(a, b *vrrp.Config) {}, nil},
	"other interfaces": {func(a, b *vrrp.Config) { b.ID.Interface = "bond0" }, nil},
	"other VRID": {
		func(a, b *vrrp.Config) { b.ID.VRID = 52; b.Priority = 150 },
		[]string{"error other_vrid b: web of lb2 and web of lb1 have the same address and VRIDs 52 and 51: neither hears the other, both become master"},
	},
	"two services": {func(a, b *vrrp.Config) { b.ID.VRID, b.Addresses = 52, addresses("192.0.2.101/24") }, nil},
	"clash": { // and nothing else: they are no cluster
		func(a, b *vrrp.Config) {
			b.Addresses, b.Priority, b.Preempt, a.Delivery.Peers = addresses("198.51.100.1/24"), 150, false, peer("192.0.2.2")
		},
		[]string{"error vrid_clash b: web of lb2 and web of lb1 have VRID 51 on eth0 and no address in common: they are two services"},
	},
	"addresses": {
		func(a, b *vrrp.Config) { b.Addresses = addresses("192.0.2.101/24", "192.0.2.100/24") },
		[]string{"warning other_addresses b: web of lb2 has 192.0.2.100/24, 192.0.2.101/24, web of lb1 has 192.0.2.100/24: what only one has is lost when the other is master"},
	},
	"addresses in another order": {
		func(a, b *vrrp.Config) {
			a.Addresses = addresses("192.0.2.100/24", "192.0.2.101/24")
			b.Addresses = addresses("192.0.2.101/24", "192.0.2.100/24")
		}, nil,
	},
	"version": {
		func(a, b *vrrp.Config) { b.Version = 2 },
		[]string{"error other_version b: web of lb2 speaks version 2, web of lb1 version 3: neither hears the other, both become master"},
	},
	"interval in version 3": {
		func(a, b *vrrp.Config) { b.AdvertInterval *= 2 },
		[]string{"warning other_interval b: web of lb2 adverts every 2s, web of lb1 every 1s: a backup takes over the master's"},
	},
	"interval in version 2": {
		func(a, b *vrrp.Config) { a.Version, b.Version, b.AdvertInterval = 2, 2, 2*time.Second },
		[]string{"error other_interval b: web of lb2 adverts every 2s, web of lb1 every 1s: version 2 discards other intervals, both become master"},
	},
	"authentication": {
		func(a, b *vrrp.Config) { a.Auth = vrrp.Auth{Type: vrrp.AuthHeader, Key: vrrp.Secret("x")} },
		[]string{"error other_auth b: web of lb2 and web of lb1 authenticate in different ways: both become master"},
	},
	"tie": {
		func(a, b *vrrp.Config) { b.Priority = 150 },
		[]string{"warning same_priority b: web of lb2 has priority 150 like web of lb1"},
	},
	"preempt": {
		func(a, b *vrrp.Config) { b.Preempt = false },
		[]string{"warning other_preempt b: preempt is false in web of lb2 and true in web of lb1: who is master depends on who came last"},
	},
	"peers that meet": {
		func(a, b *vrrp.Config) {
			a.Delivery = vrrp.Delivery{Source: netip.MustParseAddr("192.0.2.1"), Peers: peer("192.0.2.2")}
			b.Delivery = vrrp.Delivery{Source: netip.MustParseAddr("192.0.2.2"), Peers: peer("192.0.2.1")}
		}, nil,
	},
	"a peer that is not there": {
		func(a, b *vrrp.Config) {
			a.Delivery = vrrp.Delivery{Source: netip.MustParseAddr("192.0.2.1"), Peers: peer("192.0.2.3")}
			b.Delivery = vrrp.Delivery{Source: netip.MustParseAddr("192.0.2.2"), Peers: peer("192.0.2.1")}
		},
		[]string{
			"warning unknown_peer a: web of lb1 sends to 192.0.2.3, which is none of the nodes",
			"error unreachable_peer a: web of lb1 does not send to 192.0.2.2, the address of web of lb2",
		},
	},
	"one with peers": {
		func(a, b *vrrp.Config) { a.Delivery.Peers = peer("192.0.2.2") },
		[]string{"error unreachable_peer a: web of lb1 sends to peers, web of lb2 to the group: they do not hear each other"},
	},
	"peers and nobody": {
		func(a, b *vrrp.Config) {
			a.Delivery.Peers, b.ID.VRID, b.Addresses = peer("192.0.2.2"), 52, addresses("192.0.2.101/24")
		},
		[]string{"warning alone a: web of lb1 has peers, but no other file has VRID 51 with one of its addresses"},
	},
	"weight that matters":        {func(a, b *vrrp.Config) { a.Tracks = weight(-60) }, nil},
	"bonus that matters":         {func(a, b *vrrp.Config) { a.Priority, a.Tracks, b.Tracks = 101, weight(10), weight(10) }, nil},
	"no weight: a fault":         {func(a, b *vrrp.Config) { a.Tracks = weight(0) }, nil},
	"weight of the lower router": {func(a, b *vrrp.Config) { b.Tracks = weight(-5) }, nil},
	"weak weight": {
		func(a, b *vrrp.Config) { a.Tracks = weight(-20) },
		[]string{"warning weak_weight a: script web of web of lb1 never fails over: without it the priority is 130, still above 100 of web of lb2"},
	},
	"weak bonus": {
		func(a, b *vrrp.Config) { a.Tracks, b.Tracks = weight(20), weight(20) },
		[]string{"warning weak_weight a: script web of web of lb1 never fails over: without it the priority is 150, still above 120 of web of lb2"},
	},
}

func TestTogether(t *testing.T) {
	for name, test := range togetherCases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range Together(pairOf(test.change)) {
				got = append(got, d.Severity.String()+" "+d.Code+" "+d.File+": "+d.Summary)
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("remarks\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestTogetherAlone: of nodes that share a virtual router one has another one for
// itself.
func TestTogetherAlone(t *testing.T) {
	for _, test := range []struct {
		name  string
		more  func(*vrrp.Config) // of the virtual router that only lb1 has
		other func(b *vrrp.Config)
		want  string
	}{
		{"nobody takes over", func(*vrrp.Config) {}, func(*vrrp.Config) {}, "alone: no other file has VRID 52 on eth0: nobody takes over the addresses of mail of lb1"},
		{"another interface", func(c *vrrp.Config) { c.ID.Interface = "eth1" }, func(*vrrp.Config) {}, ""},
		{"no addresses", func(c *vrrp.Config) { c.Addresses = nil }, func(*vrrp.Config) {}, ""},
		{"two clusters", func(*vrrp.Config) {}, func(b *vrrp.Config) { b.ID.VRID, b.Addresses = 53, addresses("192.0.2.102/24") }, ""},
	} {
		nodes := pairOf(func(_, b *vrrp.Config) { test.other(b) })
		more := nodes[0].Config.Routers[0]
		more.Name, more.ID.VRID, more.Addresses = "mail", 52, addresses("192.0.2.101/24")
		test.more(&more)
		nodes[0].Config.Routers = append(nodes[0].Config.Routers, more)
		var got []string
		for _, d := range Together(nodes) {
			got = append(got, d.Code+": "+d.Summary)
		}
		if strings.Join(got, "\n") != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestOffSubnet(t *testing.T) {
	lan := map[string][]netip.Prefix{"eth0": {netip.MustParsePrefix("192.0.2.1/24")}}
	for _, test := range []struct {
		name, address string
		subnets       map[string][]netip.Prefix
		want          int
	}{
		{"inside", "192.0.2.100/32", lan, 0},
		{"outside", "198.51.100.100/32", lan, 1},
		{"brings its own", "198.51.100.100/24", lan, 0},
		{"interface elsewhere", "198.51.100.100/32", nil, 0},
	} {
		c := pairOf(func(a, _ *vrrp.Config) { a.Addresses = []netip.Prefix{netip.MustParsePrefix(test.address)} })[0].Config
		if got := c.OffSubnet(test.subnets); len(got) != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
