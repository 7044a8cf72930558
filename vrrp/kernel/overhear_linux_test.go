package kernel

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Announcements of wanted addresses by others are fed, nothing else is, and
// nothing after the end.
func TestOverhear(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	heard := make(chan *vrrp.Announced, 10)
	o := newOverhearer(func(ev vrrp.Event) { heard <- ev.(*vrrp.Announced) })
	defer o.close()
	o.overhear("absent", vrrp.IPv4, []netip.Prefix{vip(1)}, Now().Add(time.Minute))
	o.overhear("eth0", vrrp.IPv4, []netip.Prefix{vip(1), vip(2)}, Now().Add(time.Second))
	await(t, "the socket to open", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.open) == 1
	})

	ifi, err := net.InterfaceByName("peer")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := packet.Listen(ifi, packet.Datagram, unix.ETH_P_ARP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(op arp.Operation, sender, target netip.Prefix) {
		t.Helper()
		p, err := arp.NewPacket(op, ifi.HardwareAddr, sender.Addr(), broadcast, target.Addr())
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.WriteTo(b, &packet.Addr{HardwareAddr: broadcast}); err != nil {
			t.Fatal(err)
		}
	}
	a := newAnnouncer()
	defer a.close()
	a.send("eth0", []netip.Prefix{vip(1)})    // our own
	say(arp.OperationRequest, vip(3), vip(3)) // not wanted
	say(arp.OperationRequest, vip(1), vip(2)) // a question
	say(arp.OperationRequest, vip(2), vip(2))
	say(arp.OperationReply, vip(1), vip(1))
	var got []*vrrp.Announced
	for range 2 {
		select {
		case a := <-heard:
			got = append(got, a)
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was heard")
		}
	}
	want := []*vrrp.Announced{{Interface: "eth0", Address: vip(2).Addr()}, {Interface: "eth0", Address: vip(1).Addr()}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	await(t, "the socket to close", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.open) == 0
	})
}

func TestAnnouncedByARP(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 2}
	for name, tt := range map[string]struct {
		to   netip.Prefix
		want bool
	}{"announcement": {vip(1), true}, "question": {vip(2), false}} {
		p, err := arp.NewPacket(arp.OperationRequest, mac, vip(1).Addr(), broadcast, tt.to.Addr())
		must(t, err)
		b, err := p.MarshalBinary()
		must(t, err)
		if ip, from, got := announcedByARP(b); got != tt.want || got && (ip != vip(1).Addr() || from.String() != mac.String()) {
			t.Errorf("%s: %v %v %v", name, ip, from, got)
		}
	}
	if _, _, got := announcedByARP(nil); got {
		t.Error("nothing announces")
	}
}

// The same for IPv6: the announcement that we send ourselves, made by another.
func TestOverhearNeighbours(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer")
	linkLocal(t, "peer")
	must(t, netlink.AddrAdd(device(t, "peer"), &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(vipSix.Addr(), 128)), Flags: unix.IFA_F_NODAD}))
	heard := make(chan *vrrp.Announced, 10)
	o := newOverhearer(func(ev vrrp.Event) { heard <- ev.(*vrrp.Announced) })
	defer o.close()
	o.overhear("eth0", vrrp.IPv6, []netip.Prefix{vipSix}, Now().Add(time.Minute))
	await(t, "the socket to open", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.open) == 1
	})
	ifi, err := net.InterfaceByName("peer")
	must(t, err)
	a := newAnnouncer()
	defer a.close()
	must(t, a.advertise(*ifi, vipSix.Addr()))
	select {
	case got := <-heard:
		if diff := cmp.Diff(&vrrp.Announced{Interface: "eth0", Address: vipSix.Addr()}, got, comparing); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	case <-time.After(patience):
		t.Error("nothing was heard")
	}
}

func TestAnnouncedByNeighbour(t *testing.T) {
	other := net.HardwareAddr{2, 0, 0, 0, 0, 2}
	made := func(edit func(*ndp.NeighborAdvertisement)) []byte {
		m := &ndp.NeighborAdvertisement{
			Override: true, TargetAddress: vipSix.Addr(), Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: other}},
		}
		edit(m)
		b, err := ndp.MarshalMessage(m)
		must(t, err)
		header := make([]byte, ipv6Payload)
		header[ipv6NextHeader] = unix.IPPROTO_ICMPV6
		return append(header, b...)
	}
	whole := made(func(*ndp.NeighborAdvertisement) {})
	for name, tt := range map[string]struct {
		packet []byte
		want   bool
	}{
		"other":     {whole, true},
		"answer":    {made(func(m *ndp.NeighborAdvertisement) { m.Solicited = true }), false},
		"no MAC":    {made(func(m *ndp.NeighborAdvertisement) { m.Options = nil }), false},
		"cut short": {whole[:ipv6PacketUntilTarget-1], false},
		"cut later": {whole[:len(whole)-1], false},
		"empty":     {nil, false},
	} {
		ip, mac, got := announcedByNeighbour(tt.packet)
		if got != tt.want || got && (ip != vipSix.Addr() || mac.String() != other.String()) {
			t.Errorf("%s: %v %v %v", name, ip, mac, got)
		}
	}
}
