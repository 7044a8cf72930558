package conf

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

// equalAddresses lets cmp compare addresses.
var equalAddresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// One instance with addresses of both families is two virtual routers that
// differ in nothing else; link-local addresses come first.
func TestInstanceOfBothFamilies(t *testing.T) {
	c, diags := loadText(t, `
vrrp_instance "web" {
  interface = "eth0"
  vrid = 51
  priority = 150
  virtual_address = ["2001:db8::10/64", "192.0.2.10/24", "fe80::10/64", "192.0.2.11/24"]
}`)
	if len(diags) > 0 || len(c.Routers) != 2 {
		t.Fatalf("%d routers, %s", len(c.Routers), text(t, diags))
	}
	four, six := c.Routers[0], c.Routers[1]
	want := [][]string{{"192.0.2.10/24", "192.0.2.11/24"}, {"fe80::10/64", "2001:db8::10/64"}}
	if diff := cmp.Diff(want, [][]string{words(four), words(six)}); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if four.Version != 3 || four.ID.Family != vrrp.IPv4 || six.ID.Family != vrrp.IPv6 {
		t.Errorf("version %d, %v and %v", four.Version, four.ID, six.ID)
	}
	four.ID, four.Addresses = six.ID, six.Addresses
	if diff := cmp.Diff(six, four, equalAddresses, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("the two differ (-IPv6 +IPv4):\n%s", diff)
	}
}

func words(c vrrp.Config) (all []string) {
	for _, p := range c.Addresses {
		all = append(all, p.String())
	}
	return all
}

func TestDelivery(t *testing.T) {
	const three = `
director "lb1" {
  address = "192.0.2.1"
  priority = 3
}
director "lb2" {
  address = "192.0.2.2"
  priority = 2
}
director "lb3" {
  address = "192.0.2.3"
  priority = 1
}
`
	peers := func(minTTL uint8, words ...string) (all []vrrp.Peer) {
		for _, w := range words {
			all = append(all, vrrp.Peer{Address: netip.MustParseAddr(w), MinTTL: minTTL})
		}
		return all
	}
	for _, tt := range []struct {
		name, before, lines string
		want                vrrp.Delivery
	}{
		{"default", three, "", vrrp.Delivery{}},
		{"source and group", "", `
  source = "192.0.2.7"
  group = "224.0.0.50"`, vrrp.Delivery{Source: netip.MustParseAddr("192.0.2.7"), Group: netip.MustParseAddr("224.0.0.50")}},
		{"all directors", three, "unicast = true", vrrp.Delivery{
			Source: netip.MustParseAddr("192.0.2.1"), Peers: peers(0, "192.0.2.2", "192.0.2.3"), TTL: 255, CheckSource: true,
		}},
		{"all directors, long form", three, `
  source = "192.0.2.9"
  unicast { min_ttl = 254 }`, vrrp.Delivery{
			Source: netip.MustParseAddr("192.0.2.9"), Peers: peers(254, "192.0.2.2", "192.0.2.3"), TTL: 255, CheckSource: true,
		}},
		{"some", three, `
  unicast {
    peers = ["192.0.2.3"]
    ttl = 64
    check_source = false
  }`, vrrp.Delivery{Peers: peers(0, "192.0.2.3"), TTL: 64}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := instance(t, tt.before, tt.lines)
			if diff := cmp.Diff(tt.want, c.Delivery, equalAddresses); diff != "" {
				t.Errorf("delivery (-want +got):\n%s", diff)
			}
			if unicast := len(tt.want.Peers) > 0; unicast && !c.Peers {
				t.Error("a router with peers believes to be alone")
			}
		})
	}
}

// TestWriteWithoutPeers: an instance that is to be at fault without peers stays
// one when it is written.
func TestWriteWithoutPeers(t *testing.T) {
	c := readBack(t, []byte("version = 1\nvrrp_instance \"a\" {\n  interface = \"eth0\"\n  vrid = 5\n  virtual_address = [\"192.0.2.1/24\"]\n  unicast {\n    peers = []\n    need_peers = true\n  }\n}\n"), "")
	if again := readBack(t, Write([]Node{{"", c}}), ""); !again.Routers[0].Delivery.NeedPeers || again.Routers[0].Unicast() {
		t.Errorf("%+v", again.Routers[0].Delivery)
	}
}
