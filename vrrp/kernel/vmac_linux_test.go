package kernel

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// vmacRouter is routerA with an interface of its own.
func vmacRouter() vrrp.Config {
	return vrrp.Config{ID: routerA, VMAC: vrrp.VMAC{Name: "vrrp.1"}, Addresses: []netip.Prefix{vip(100)}}
}

func setting(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(settingPath(name))
	must(t, err)
	return strings.TrimSpace(string(b))
}

// A virtual router gets its interface: private, with the virtual MAC, up, without
// addresses of its own; settings of the host are changed and restored.
func TestVMACLife(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	must(t, writeSetting("ipv4/conf/all/rp_filter", "1"))
	must(t, writeSetting("ipv4/conf/peer/rp_filter", "2"))
	dir := t.TempDir()
	h := open(t, dir)
	h.Claim([]vrrp.Config{vmacRouter()})
	h.Watch([]string{"eth0", "vrrp.1"})
	await(t, "the interface", func() bool {
		for _, l := range h.told() {
			if l.Interface == "vrrp.1" && l.Up && l.Primary == netip.MustParseAddr("192.0.2.1") {
				return true
			}
		}
		return false
	})
	link := device(t, "vrrp.1").(*netlink.Macvlan)
	if link.Mode != netlink.MACVLAN_MODE_PRIVATE || link.HardwareAddr.String() != "00:00:5e:00:01:01" || link.Flags&net.FlagUp == 0 {
		t.Errorf("%+v", link)
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	must(t, err)
	if len(addrs) != 0 {
		t.Errorf("addresses of its own: %v", addrs)
	}
	changed := map[string]string{
		"ipv4/conf/vrrp.1/arp_ignore": "1", "ipv4/conf/vrrp.1/accept_local": "1", "ipv4/conf/vrrp.1/rp_filter": "0",
		"ipv4/conf/eth0/arp_ignore": "1", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/peer/rp_filter": "2",
		"ipv4/igmp_link_local_mcast_reports": "0",
	}
	for name, want := range changed {
		if got := setting(t, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}

	// The address goes there, without a second route to the network.
	h.Links().Hold(lease(1, 30, vip(100)))
	await(t, "the address", func() bool {
		_, ok := onInterface(t, "vrrp.1", vip(100))
		return ok
	})
	routes, err := netlink.RouteList(link, netlink.FAMILY_V4)
	must(t, err)
	if len(routes) != 0 {
		t.Errorf("routes: %v", routes)
	}
	if seen := h.watch.ours("vrrp.1", address{prefix: vip(100)}); !seen {
		t.Error("the address is not known as ours")
	}

	// Somebody removes the interface: it comes back, with the address.
	must(t, netlink.LinkDel(link))
	await(t, "the interface again", func() bool {
		l, err := netlink.LinkByName("vrrp.1")
		return err == nil && l.Attrs().Flags&net.FlagUp != 0
	})

	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Epoch: 2})
	must(t, h.Links().Flush(patience))
	must(t, h.Close())
	if _, err := netlink.LinkByName("vrrp.1"); !absent(err) {
		t.Errorf("the interface stayed: %v", err)
	}
	for name, want := range map[string]string{
		"ipv4/conf/eth0/arp_ignore": "0", "ipv4/conf/all/rp_filter": "1", "ipv4/conf/peer/rp_filter": "2",
		"ipv4/igmp_link_local_mcast_reports": "1",
	} {
		if got := setting(t, name); got != want {
			t.Errorf("after the end %s is %s, want %s", name, got, want)
		}
	}
}

// What a killed life left is taken over where it is wanted and removed where
// it is not; an interface of somebody else is left alone.
func TestSafety_1_11_VMACsOfAnEarlierLife(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	dir := t.TempDir()
	first := newVMACKeeper(dir, "boot", func(e runner.AddressEvent) { t.Error(e) })
	first.set([]vmac{{"vrrp.1", "eth0", routerA.MAC()}, {"vrrp.2", "eth0", [6]byte{0, 0, 0x5e, 0, 1, 2}}})
	must(t, first.reconcile())
	before := device(t, "vrrp.1").Attrs().Index

	attrs := netlink.NewLinkAttrs()
	attrs.Name = "vrrp.3"
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "other"}))
	foreign := device(t, "vrrp.3").Attrs().Index

	var reported []string
	second := newVMACKeeper(dir, "boot", func(e runner.AddressEvent) { reported = append(reported, e.Detail) })
	second.set([]vmac{{"vrrp.1", "eth0", routerA.MAC()}, {"vrrp.3", "eth0", routerA.MAC()}, {"vrrp.4", "absent", routerA.MAC()}})
	for range 2 {
		if err := second.reconcile(); err == nil {
			t.Error("no error about a name that is taken")
		}
	}
	if got := device(t, "vrrp.1").Attrs().Index; got != before {
		t.Errorf("made anew: index %d, was %d", got, before)
	}
	if _, err := netlink.LinkByName("vrrp.2"); !absent(err) {
		t.Errorf("unwanted: %v", err)
	}
	if got := device(t, "vrrp.3").Attrs().Index; got != foreign {
		t.Error("somebody else's interface was replaced")
	}
	if diff := cmp.Diff([]string{"make interface vrrp.3: " + errForeign.Error()}, reported); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// Adverts of a virtual router with a virtual MAC carry it, or with FromBase
// the real one; a peer's advert is heard once, though two interfaces get it.
func TestSafety_3_4_VMACWire(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	must(t, netlink.AddrAdd(device(t, "peer"), parseAddr(t, "192.0.2.2/24")))
	k := newVMACKeeper(t.TempDir(), "boot", func(e runner.AddressEvent) { t.Error(e) })
	k.set([]vmac{{"vrrp.1", "eth0", routerA.MAC()}})
	must(t, k.reconcile())
	peer, theirs := newWire(), routerA
	theirs.Interface = "peer"
	must(t, peer.Listen([]runner.Port{{Interface: "peer", Family: vrrp.IPv4, Group: vrrp.GroupIPv4}}))
	defer peer.close()
	for _, fromBase := range []bool{false, true} {
		w := newWire()
		must(t, w.Listen([]runner.Port{
			{Interface: "eth0", Family: vrrp.IPv4, Group: vrrp.GroupIPv4},
			{Interface: "eth0", Family: vrrp.IPv4, Group: vrrp.GroupIPv4, Carrier: "vrrp.1", VRID: 1, FromBase: fromBase},
		}))
		heard := ear(t, "peer", 0x0800)
		must(t, w.Send(&vrrp.SendAdvert{
			ID: routerA, Src: netip.MustParseAddr("192.0.2.1"), Dst: vrrp.GroupIPv4, TTL: 255, Payload: []byte{0x31, 1, 100, 0},
		}))
		got := frame(t, heard, func(b []byte) bool { return len(b) > 23 && b[23] == protocol })
		want := net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x01, 0x01}
		if fromBase {
			want = device(t, "eth0").Attrs().HardwareAddr
		}
		if diff := cmp.Diff(want, net.HardwareAddr(got[6:12])); diff != "" {
			t.Errorf("from base %v: source (-want +got):\n%s", fromBase, diff)
		}
		must(t, peer.Send(&vrrp.SendAdvert{
			ID: theirs, Src: netip.MustParseAddr("192.0.2.2"), Dst: vrrp.GroupIPv4, TTL: 255, Payload: []byte{0x31, 1, 200, 0},
		}))
		var packets []vrrp.Received
		await(t, "the peer's advert", func() bool {
			for p := (vrrp.Received{}); w.TryReceive(&p); {
				packets = append(packets, p)
			}
			return len(packets) > 0
		})
		if p := packets[0]; len(packets) != 1 || p.Interface != "eth0" || p.Src != netip.MustParseAddr("192.0.2.2") {
			t.Errorf("heard %+v", packets)
		}
		w.close()
	}
}

// A backup that forwards discards frames to the virtual MAC address (RFC 9568
// §6.4.2), a master forwards them.
func TestRFC9568_6_4_2_FramesToTheVirtualMAC(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24", "2001:db8::1/64")
	linkLocal(t, "eth0")
	must(t, writeSetting("ipv4/ip_forward", "1"))
	must(t, writeSetting("ipv6/conf/all/forwarding", "1"))
	for _, to := range []string{"203.0.113.0/24", "2001:db8:1::/64"} {
		must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: device(t, "eth0").Attrs().Index, Dst: ipNet(network(to))}))
	}
	forwarded := func(to, from string) bool {
		all, err := netlink.RouteGetWithOptions(net.ParseIP(to), &netlink.RouteGetOptions{Iif: "vrrp.1", SrcAddr: net.ParseIP(from)})
		return err == nil && len(all) == 1 && all[0].Type != unix.RTN_BLACKHOLE
	}
	reached := func() bool {
		four, six := forwarded("203.0.113.5", "192.0.2.2"), forwarded("2001:db8:1::5", "2001:db8::2")
		if four != six {
			t.Errorf("forwarded IPv4 %t, IPv6 %t", four, six)
		}
		return four
	}
	h := open(t, t.TempDir())
	h.Claim([]vrrp.Config{vmacRouter()})
	await(t, "the interface", func() bool {
		l, err := netlink.LinkByName("vrrp.1")
		return err == nil && l.Attrs().OperState == netlink.OperUp
	})
	must(t, h.Links().Flush(patience))
	if reached() {
		t.Error("a backup forwards frames to the virtual MAC address")
	}
	h.Links().Hold(lease(1, 30, vip(100)))
	must(t, h.Links().Flush(patience))
	if !reached() {
		t.Error("a master does not forward them")
	}
	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Epoch: 2})
	must(t, h.Links().Flush(patience))
	if reached() {
		t.Error("a backup that was master forwards frames to the virtual MAC address")
	}
	h.Links().Hold(lease(3, 30, vip(100)))
	must(t, h.Links().Flush(patience))
	h.Claim([]vrrp.Config{vmacRouter(), {ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 9}, VMAC: vrrp.VMAC{Name: "vrrp.9"}, Addresses: []netip.Prefix{vip(109)}}})
	must(t, h.Links().Flush(patience))
	if !reached() {
		t.Error("a reload keeps a master from forwarding frames")
	}
	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(100)}, Epoch: 4})
	must(t, h.Links().Flush(patience))
	must(t, h.Close())
	if left := ourPaths(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
