package kernel

import (
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// groupMAC is the Ethernet address of 224.0.0.18 (RFC 1112 §6.4).
var groupMAC = net.HardwareAddr{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}

var port0 = runner.Port{Interface: "eth0", Family: vrrp.IPv4, Group: vrrp.GroupIPv4}

// testAdvert is an advert from 192.0.2.1 on eth0: version 3, VRID 51, priority
// 100, 192.0.2.100, checksum with pseudo-header.
func testAdvert() *vrrp.SendAdvert {
	src, dst := vip(1).Addr(), netip.MustParseAddr("224.0.0.18")
	return &vrrp.SendAdvert{
		ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}, Version: 3, Priority: 100, Src: src, Dst: dst, TTL: 255,
		Payload: vrrp.Encode(nil, &vrrp.Advert{
			Version: 3, VRID: 51, Priority: 100, Interval: time.Second,
			List: vrrp.AppendList(nil, []netip.Prefix{vip(100)}),
		}, vrrp.Path{Family: vrrp.IPv4, Src: src, Dst: dst}, vrrp.ChecksumPseudo),
	}
}

// receive waits for the next packet of a wire.
func receive(t *testing.T, w *Wire) vrrp.Received {
	t.Helper()
	var p vrrp.Received
	deadline := time.After(patience)
	for !w.TryReceive(&p) {
		select {
		case <-w.Ready():
		case <-deadline:
			t.Fatalf("no packet within %v", patience)
		}
	}
	return p
}

// silence checks that nothing arrives at a wire for a moment.
func silence(t *testing.T, w *Wire) {
	t.Helper()
	time.Sleep(50 * time.Millisecond)
	var p vrrp.Received
	if w.TryReceive(&p) {
		t.Errorf("received %+v, want nothing", p)
	}
}

// inject sends an IPv4 packet to the group from the far end of a cable.
func inject(t *testing.T, c *packet.Conn, ip []byte) {
	t.Helper()
	b := append(append(append([]byte{}, groupMAC...), 2, 0, 0, 0, 0, 2, 0x08, 0x00), ip...)
	_, err := c.WriteTo(b, &packet.Addr{HardwareAddr: groupMAC})
	must(t, err)
}

// isVRRP accepts frames that carry IPv4 protocol 112.
func isVRRP(b []byte) bool { return len(b) > 34 && b[12] == 0x08 && b[13] == 0 && b[23] == protocol }

// An advert on the wire: RFC 9568 §5.1.1.
func TestRFC9568_5_1_1_AdvertOnTheWire(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "198.51.100.9/24", "192.0.2.1/24")
	heard := ear(t, "peer", unix.ETH_P_ALL)
	w := newWire()
	defer w.close()
	must(t, w.Listen([]runner.Port{port0}))
	must(t, w.Send(testAdvert()))
	b := frame(t, heard, isVRRP)
	header, err := ipv4.ParseHeader(b[14:])
	must(t, err)
	header.ID, header.Checksum, header.Options = 0, 0, nil
	want := &ipv4.Header{
		Version: 4, Len: 20, TOS: 0xc0, TotalLen: 32, TTL: 255, Protocol: 112,
		Src: net.IPv4(192, 0, 2, 1).To4(), Dst: net.IPv4(224, 0, 0, 18).To4(),
	}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("IP header (-want +got):\n%s", diff)
	}
	if got := net.HardwareAddr(b[:6]); got.String() != groupMAC.String() {
		t.Errorf("sent to %s, want %s", got, groupMAC)
	}
	const golden = "3133640100640572c0000264"
	if got := hex.EncodeToString(b[34:46]); got != golden {
		t.Errorf("message %s, want %s", got, golden)
	}
	silence(t, w) // our own advert does not come back
}

// However many virtual routers and groups an interface has, it has one receive and
// one transmit socket of a family.
func TestWireHasOneReceiveSocket(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	w := newWire()
	defer w.close()
	must(t, w.Listen([]runner.Port{
		port0, {Interface: "eth0", Family: vrrp.IPv4, Group: netip.MustParseAddr("239.1.1.1")},
		{Interface: "eth0", Family: vrrp.IPv6, Group: vrrp.GroupIPv6}, {Interface: "eth0", Family: vrrp.IPv6, Group: netip.MustParseAddr("ff05::112")},
	}))
	for _, file := range []string{"raw", "raw6"} {
		b, err := os.ReadFile("/proc/thread-self/net/" + file)
		must(t, err)
		const protocol112 = ":0070 " // behind the local address (proc(5))
		if n := strings.Count(string(b), protocol112); n != 2 {
			t.Errorf("%s has %d sockets of protocol 112, want one that receives and one that sends:\n%s", file, n, b)
		}
	}
}

func TestWireReceives(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	cable(t, "eth1", "peer1", "198.51.100.1/24")
	far, far1 := ear(t, "peer", unix.ETH_P_IP), ear(t, "peer1", unix.ETH_P_IP)
	w := newWire()
	defer w.close()
	other := newWire()
	defer other.close()
	must(t, w.Listen([]runner.Port{port0}))
	must(t, other.Listen([]runner.Port{{Interface: "eth1", Family: vrrp.IPv4, Group: vrrp.GroupIPv4}}))

	inject(t, far, ipv4Packet(64, []byte{1, 1, 1, 0}, []byte("advert")))
	want := vrrp.Received{
		Interface: "eth0", Family: vrrp.IPv4, TTL: 64, Payload: []byte("advert"),
		Src: netip.MustParseAddr("192.0.2.2"), Dst: netip.MustParseAddr("224.0.0.18"),
	}
	if diff := cmp.Diff(want, receive(t, w), comparing); diff != "" {
		t.Errorf("packet (-want +got):\n%s", diff)
	}
	silence(t, other) // what arrives at eth0 is no business of eth1's socket

	// Both on one wire: each gets its turn, a flood notwithstanding.
	must(t, w.Listen([]runner.Port{port0, {Interface: "eth1", Family: vrrp.IPv4, Group: vrrp.GroupIPv4}}))
	for range 1000 {
		inject(t, far, ipv4Packet(255, nil, []byte("flood")))
	}
	inject(t, far1, ipv4Packet(255, nil, []byte("needle")))
	await(t, "the needle to come", func() bool { return receive(t, w).Interface == "eth1" })
	n := 2
	for p := (vrrp.Received{}); w.TryReceive(&p); n++ {
	}
	if n < 900 {
		t.Errorf("of 1000 packets %d came after the needle", n)
	}

	// No longer listened to.
	must(t, w.Listen([]runner.Port{{Interface: "eth1", Family: vrrp.IPv4, Group: vrrp.GroupIPv4}}))
	inject(t, far, ipv4Packet(255, nil, []byte("late")))
	silence(t, w)
	if err := w.Send(testAdvert()); err == nil {
		t.Error("sent on an interface that is not listened to")
	}
}

// An interface may come late, go and come back as another.
func TestWireFollowsTheInterface(t *testing.T) {
	if !namespaced(t) {
		return
	}
	w := newWire()
	defer w.close()
	must(t, w.Listen([]runner.Port{port0}))
	if err := w.Send(testAdvert()); err == nil {
		t.Error("sent on an interface that does not exist")
	}
	for range 2 {
		cable(t, "eth0", "peer", "192.0.2.1/24")
		must(t, w.Relink("eth0"))
		must(t, w.Relink("eth0")) // nothing changed
		far := ear(t, "peer", unix.ETH_P_IP)
		inject(t, far, ipv4Packet(255, nil, []byte("hello")))
		if p := receive(t, w); string(p.Payload) != "hello" {
			t.Errorf("received %+v", p)
		}
		must(t, w.Send(testAdvert()))
		frame(t, far, isVRRP)
		must(t, netlink.LinkDel(device(t, "eth0")))
		if err := w.Send(testAdvert()); err == nil {
			t.Error("sent on an interface that is gone")
		}
		must(t, w.Relink("eth0"))
	}
}

// elsewhere makes another network namespace, which ends with the process.
func elsewhere(t *testing.T) (home, away netns.NsHandle) {
	t.Helper()
	home, err := netns.Get()
	must(t, err)
	runtime.LockOSThread() // for the rest of the test, which ends the process
	away, err = netns.New()
	must(t, err)
	must(t, netns.Set(home))
	return home, away
}

// An interface that goes to another namespace and comes back under its old
// index has lost the group, and no socket hears of it.
func TestWireJoinsAgain(t *testing.T) {
	if !namespaced(t) {
		return
	}
	home, away := elsewhere(t)
	cable(t, "eth0", "peer", "192.0.2.1/24")
	index := device(t, "eth0").Attrs().Index
	far := ear(t, "peer", unix.ETH_P_IP)
	w := newWire()
	defer w.close()
	must(t, w.Listen([]runner.Port{port0}))
	must(t, netlink.LinkSetNsFd(device(t, "eth0"), int(away)))
	must(t, netns.Set(away))
	must(t, netlink.LinkSetNsFd(device(t, "eth0"), int(home)))
	must(t, netns.Set(home))
	must(t, netlink.LinkSetUp(device(t, "eth0")))
	must(t, netlink.AddrAdd(device(t, "eth0"), parseAddr(t, "192.0.2.1/24")))
	await(t, "carrier", func() bool { return device(t, "peer").Attrs().RawFlags&unix.IFF_RUNNING != 0 })
	if got := device(t, "eth0").Attrs().Index; got != index {
		t.Fatalf("index changed from %d to %d: the test shows nothing", index, got)
	}
	inject(t, far, ipv4Packet(255, nil, []byte("unheard")))
	silence(t, w)
	must(t, w.Relink("eth0"))
	inject(t, far, ipv4Packet(255, nil, []byte("hello")))
	if p := receive(t, w); string(p.Payload) != "hello" {
		t.Errorf("received %+v", p)
	}
}

// TestWireJoinsWhenItMay: groups beyond what a socket may join are an error until
// it may, also for those that it had joined by then.
func TestWireJoinsWhenItMay(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	most := func(n string) {
		must(t, os.WriteFile("/proc/sys/net/ipv4/igmp_max_memberships", []byte(n), 0))
	}
	w := newWire()
	defer w.close()
	must(t, w.Listen([]runner.Port{port0}))
	more := []runner.Port{port0}
	for _, group := range []string{"224.0.0.200", "224.0.0.201"} {
		p := port0
		p.Group = netip.MustParseAddr(group)
		more = append(more, p)
	}
	most("2")
	if err := w.Listen(more); err == nil {
		t.Error("three groups where two are allowed are no error")
	}
	most("20")
	if err := w.Relink("eth0"); err != nil {
		t.Errorf("once it may: %v", err)
	}
}

// Without its source address an advert cannot leave: an error, not another
// source, which peers would take for another router.
func TestWireNeverChangesTheSource(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.7/24")
	w := newWire()
	defer w.close()
	must(t, w.Listen([]runner.Port{port0}))
	if err := w.Send(testAdvert()); err == nil {
		t.Error("sent with a source that the host does not have")
	}
}

// Two wires in two namespaces, joined by a cable, decode each other.
func TestWireBetweenNamespaces(t *testing.T) {
	if !namespaced(t) {
		return
	}
	home, away := elsewhere(t)
	cable(t, "eth0", "far0", "192.0.2.1/24")
	must(t, netlink.LinkSetNsFd(device(t, "far0"), int(away)))
	near := newWire()
	defer near.close()
	must(t, near.Listen([]runner.Port{port0}))

	must(t, netns.Set(away))
	must(t, netlink.LinkSetName(device(t, "far0"), "eth0"))
	must(t, netlink.LinkSetUp(device(t, "eth0")))
	must(t, netlink.AddrAdd(device(t, "eth0"), parseAddr(t, "192.0.2.2/24")))
	far := newWire()
	defer far.close()
	must(t, far.Listen([]runner.Port{port0}))
	must(t, netns.Set(home))
	await(t, "carrier", func() bool { return device(t, "eth0").Attrs().RawFlags&unix.IFF_RUNNING != 0 })

	for _, way := range []struct {
		from, to *Wire
		src      netip.Addr
	}{{near, far, vip(1).Addr()}, {far, near, vip(2).Addr()}} {
		sent := testAdvert()
		sent.Src = way.src
		must(t, way.from.Send(sent))
		want := vrrp.Received{
			Interface: "eth0", Family: vrrp.IPv4, Src: way.src, Dst: sent.Dst, TTL: 255, Payload: sent.Payload,
		}
		if diff := cmp.Diff(want, receive(t, way.to), comparing); diff != "" {
			t.Errorf("from %v (-want +got):\n%s", way.src, diff)
		}
	}
}

// Reading costs no memory: the loop may have to drain thousands of packets.
func TestWireReceiveDoesNotAllocate(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	far := ear(t, "peer", unix.ETH_P_IP)
	w := newWire()
	defer w.close()
	must(t, w.Listen([]runner.Port{port0}))
	for range 300 {
		inject(t, far, ipv4Packet(255, nil, []byte("advert")))
	}
	var p vrrp.Received
	receive(t, w)
	if n := testing.AllocsPerRun(100, func() { w.TryReceive(&p) }); n != 0 {
		t.Errorf("%v allocations for a packet, want 0", n)
	}
}
