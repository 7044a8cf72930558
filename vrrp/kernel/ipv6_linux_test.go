package kernel

import (
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/ndp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

var (
	routerSix = vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv6, VRID: 51}
	portSix   = runner.Port{Interface: "eth0", Family: vrrp.IPv6, Group: vrrp.GroupIPv6}
	vipSix    = netip.MustParsePrefix("2001:db8::100/64")
)

// linkLocal waits until an interface has a link-local address in use, and
// returns it.
func linkLocal(t *testing.T, iface string) (ip netip.Addr) {
	t.Helper()
	await(t, "link-local address", func() bool {
		addrs, err := netlink.AddrList(device(t, iface), netlink.FAMILY_V6)
		must(t, err)
		for _, a := range addrs {
			ip, _ = netip.AddrFromSlice(a.IP)
			if ip.IsLinkLocalUnicast() && a.Flags&unix.IFA_F_TENTATIVE == 0 {
				return true
			}
		}
		return false
	})
	return ip
}

// advertSix is an advert for routerSix from an address.
func advertSix(src, dst netip.Addr) *vrrp.SendAdvert {
	return &vrrp.SendAdvert{
		ID: routerSix, Version: 3, Priority: 100, Src: src, Dst: dst, TTL: 255,
		Payload: vrrp.Encode(nil, &vrrp.Advert{
			Version: 3, VRID: 51, Priority: 100, Interval: time.Second,
			List: vrrp.AppendList(nil, []netip.Prefix{netip.MustParsePrefix("fe80::100/64"), vipSix}),
		}, vrrp.Path{Family: vrrp.IPv6, Src: src, Dst: dst}, vrrp.ChecksumPseudo),
	}
}

// isVRRPSix accepts frames that carry IPv6 with next header 112.
func isVRRPSix(b []byte) bool {
	return len(b) > 54 && b[12] == 0x86 && b[13] == 0xdd && b[20] == protocol
}

// An IPv6 advert on the wire, RFC 9568 §5.1.2, and back again: the link-local
// source, the group and its Ethernet address, hop limit 255, class CS6.
func TestRFC9568_5_1_2_AdvertOnTheWire(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer")
	src := linkLocal(t, "eth0")
	heard := ear(t, "peer", unix.ETH_P_ALL)
	near, far := newWire(), newWire()
	defer near.close()
	defer far.close()
	must(t, near.Listen([]runner.Port{portSix}))
	must(t, far.Listen([]runner.Port{{Interface: "peer", Family: vrrp.IPv6, Group: vrrp.GroupIPv6}}))
	a := advertSix(src, vrrp.GroupIPv6)
	must(t, near.Send(a))

	b := frame(t, heard, isVRRPSix)
	header, err := ipv6.ParseHeader(b[14:])
	must(t, err)
	want := &ipv6.Header{
		Version: 6, TrafficClass: tos, FlowLabel: header.FlowLabel, PayloadLen: len(a.Payload), NextHeader: protocol, HopLimit: 255,
		Src: src.AsSlice(), Dst: vrrp.GroupIPv6.AsSlice(),
	}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("IPv6 header (-want +got):\n%s", diff)
	}
	if got := hex.EncodeToString(b[:6]); got != "333300000012" {
		t.Errorf("sent to %s", got)
	}
	if diff := cmp.Diff(a.Payload, b[54:]); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	got := receive(t, far)
	wantPacket := vrrp.Received{
		Interface: "peer", Family: vrrp.IPv6, Src: src, Dst: vrrp.GroupIPv6, TTL: 255, Payload: a.Payload,
	}
	if diff := cmp.Diff(wantPacket, got, comparing); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
	silence(t, near)
}

// The kernel hands on what it would have to verify: a bad checksum reaches the
// engine, which counts it. So do unicast adverts and small hop limits.
func TestWireReceivesSixUnverified(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer")
	src, dst := linkLocal(t, "peer"), linkLocal(t, "eth0")
	near, far := newWire(), newWire()
	defer near.close()
	defer far.close()
	must(t, near.Listen([]runner.Port{portSix}))
	must(t, far.Listen([]runner.Port{{Interface: "peer", Family: vrrp.IPv6, Group: vrrp.GroupIPv6}}))
	a := advertSix(src, dst)
	a.ID.Interface, a.TTL = "peer", 64
	a.Payload[7] ^= 1
	must(t, far.Send(a))
	got := receive(t, near)
	if got.TTL != 64 || got.Dst != dst || got.Src != src {
		t.Errorf("received %+v", got)
	}
	if _, why := vrrp.Decode(got.Payload, vrrp.Path{Family: vrrp.IPv6, Src: got.Src, Dst: got.Dst}); why != vrrp.DropChecksum {
		t.Errorf("decoded: %q", why)
	}
	a.Payload[7] ^= 1
	must(t, far.Send(a))
	if got = receive(t, near); !cmp.Equal(got.Payload, a.Payload) {
		t.Errorf("received %x", got.Payload)
	}
}

// An IPv6 lease is never a source address, never tentative and has no route of
// its own, after refreshes as well; it ends without the host's route.
func TestSafety_1_7_IPv6LeaseLeavesTheHostAlone(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "2001:db8::1/64")
	h := open(t, t.TempDir())
	defer h.Close()
	hold := &vrrp.Hold{
		ID: routerSix, Addresses: []netip.Prefix{vipSix}, Epoch: 1, Lease: 2 * time.Second, Deadline: Now().Add(time.Minute),
	}
	h.Links().Hold(hold)
	must(t, h.Links().Flush(patience))
	routes := func() int {
		all, err := netlink.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{
			LinkIndex: device(t, "eth0").Attrs().Index, Dst: &net.IPNet{IP: vipSix.Masked().Addr().AsSlice(), Mask: net.CIDRMask(64, 128)},
		}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_DST)
		must(t, err)
		return len(all)
	}
	check := func(when string) {
		addrs, err := netlink.AddrList(device(t, "eth0"), netlink.FAMILY_V6)
		must(t, err)
		for _, a := range addrs {
			const wanted, unwanted = unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_DEPRECATED, unix.IFA_F_TENTATIVE
			if a.IP.Equal(vipSix.Addr().AsSlice()) && (a.Flags&wanted != wanted || a.Flags&unwanted != 0 || a.PreferedLft != 0) {
				t.Errorf("%s: flags %#x, preferred for %d s", when, a.Flags, a.PreferedLft)
			}
		}
		if n := routes(); n != 1 {
			t.Errorf("%s: %d routes to the network", when, n)
		}
	}
	check("added")
	again := *hold
	again.Refresh = true
	h.Links().Hold(&again)
	time.Sleep(time.Second)
	check("refreshed")
	await(t, "lease lost", func() bool { return len(h.lost()) > 0 })
	if _, there := onInterface(t, "eth0", vipSix); there {
		t.Error("the address is still there")
	}
	if n := routes(); n != 1 {
		t.Errorf("after the lease: %d routes to the network", n)
	}
}

// An unsolicited neighbour advertisement on the wire (RFC 4861 §4.4, RFC 9568
// §6.4.2): from the address to all nodes, hop limit 255, override, with the
// interface's hardware address; a router only where the host forwards.
func TestRFC9568_6_4_2_NeighbourAdvertisement(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer")
	linkLocal(t, "eth0")
	heard := ear(t, "peer", unix.ETH_P_IPV6)
	h := open(t, t.TempDir())
	defer h.Close()
	h.Links().Hold(&vrrp.Hold{ID: routerSix, Addresses: []netip.Prefix{vipSix}, Epoch: 1, Deadline: Now().Add(time.Minute)})
	for _, router := range []bool{false, true} {
		must(t, setForwarding("eth0", router))
		h.Announcer().Announce(&vrrp.Gratuitous{ID: routerSix, Addresses: []netip.Prefix{vipSix}, Repeat: 1, Epoch: 1})
		b := frame(t, heard, func(b []byte) bool {
			return len(b) >= 78 && b[20] == unix.IPPROTO_ICMPV6 && b[54] == 136 && [16]byte(b[22:38]) == vipSix.Addr().As16()
		})
		if dst := netip.AddrFrom16([16]byte(b[38:54])); dst != allNodes || b[21] != ndHopLimit {
			t.Errorf("sent to %s with hop limit %d", dst, b[21])
		}
		got, err := ndp.ParseMessage(b[54:])
		must(t, err)
		want := &ndp.NeighborAdvertisement{
			Router: router, Override: true, TargetAddress: vipSix.Addr(),
			Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: device(t, "eth0").Attrs().HardwareAddr}},
		}
		if diff := cmp.Diff(want, got, comparing); diff != "" {
			t.Errorf("forwarding %v (-want +got):\n%s", router, diff)
		}
	}
}

// The link-local address decides whether IPv6 routers can run: one that is
// still being checked for duplicates does not count, nor does a virtual one.
func TestWatchTellsLinkLocal(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer")
	h := open(t, t.TempDir())
	defer h.Close()
	h.Watch([]string{"eth0"})
	var last vrrp.Link
	await(t, "link-local address is told", func() bool {
		for _, l := range h.told() {
			last = l
		}
		return last.LinkLocal.IsValid()
	})
	if want := linkLocal(t, "eth0"); last.LinkLocal != want {
		t.Errorf("told %s, want %s", last.LinkLocal, want)
	}
	must(t, netlink.AddrDel(device(t, "eth0"), parseAddr(t, last.LinkLocal.String()+"/64")))
	h.Links().Hold(&vrrp.Hold{
		ID: routerSix, Addresses: []netip.Prefix{netip.MustParsePrefix("fe80::100/64")}, Epoch: 1, Deadline: Now().Add(time.Minute),
	})
	must(t, h.Links().Flush(patience))
	await(t, "its loss is told", func() bool {
		for _, l := range h.told() {
			last = l
		}
		return !last.LinkLocal.IsValid()
	})
	time.Sleep(50 * time.Millisecond)
	for _, l := range h.told() {
		if l.LinkLocal.IsValid() {
			t.Errorf("told %s as the interface's own", l.LinkLocal)
		}
	}
}

func setForwarding(iface string, on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	return os.WriteFile("/proc/sys/net/ipv6/conf/"+iface+"/forwarding", []byte(value), 0o644)
}
