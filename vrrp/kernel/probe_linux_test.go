package kernel

import (
	"net"
	"net/netip"
	"slices"
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

// Every address is asked for in every round, and whoever says that it has one
// is told: another host's answer, announcement or traffic, but not ours, not
// those of other addresses, and not somebody who asks like we do.
func TestProbe(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer")
	linkLocal(t, "peer")
	must(t, netlink.AddrAdd(device(t, "peer"), &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(vipSix.Addr(), 128)), Flags: unix.IFA_F_NODAD}))
	other, err := net.InterfaceByName("peer")
	must(t, err)
	questions, conn := ear(t, "peer", unix.ETH_P_ALL), ear(t, "peer", unix.ETH_P_ARP)
	heard := make(chan vrrp.Answered, 10)
	o := newOverhearer(func(ev vrrp.Event) { heard <- *ev.(*vrrp.Answered) })
	defer o.close()
	a := newAnnouncer()
	defer a.close()

	four := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 1}
	six := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv6, VRID: 1}
	until := Now().Add(4 * time.Second)
	o.probe(&vrrp.Probe{ID: four, Interface: "absent", Addresses: []netip.Prefix{vip(1)}, Until: until})
	o.probe(&vrrp.Probe{ID: four, Interface: "eth0", Addresses: []netip.Prefix{vip(2), vip(1)}, Until: until})
	o.probe(&vrrp.Probe{ID: six, Interface: "eth0", Addresses: []netip.Prefix{vipSix}, Until: until})
	for asked := make(map[netip.Addr]int); asked[vip(1).Addr()] < probeRounds || asked[vipSix.Addr()] < probeRounds; {
		frame(t, questions, func(b []byte) bool {
			for _, ip := range []netip.Addr{vip(1).Addr(), vipSix.Addr()} {
				if asksFor(b[14:], ip) {
					asked[ip]++
					return true
				}
			}
			return false
		})
	}
	a.send("eth0", []netip.Prefix{vip(2)}) // our own
	say := func(op arp.Operation, sender, target netip.Addr) {
		t.Helper()
		p, err := arp.NewPacket(op, other.HardwareAddr, sender, broadcast, target)
		must(t, err)
		b, err := p.MarshalBinary()
		must(t, err)
		_, err = conn.WriteTo(slices.Concat(broadcast, other.HardwareAddr, []byte{8, 6}, b), &packet.Addr{HardwareAddr: broadcast})
		must(t, err)
	}
	say(arp.OperationRequest, netip.IPv4Unspecified(), vip(1).Addr()) // asks as we do
	say(arp.OperationReply, vip(3).Addr(), vip(1).Addr())             // has another
	say(arp.OperationReply, vip(1).Addr(), netip.IPv4Unspecified())
	say(arp.OperationRequest, vip(2).Addr(), vip(9).Addr()) // its traffic
	must(t, a.advertise(*other, vipSix.Addr()))
	mac := other.HardwareAddr.String()
	want := map[vrrp.Answered]bool{
		{ID: four, Answer: vrrp.Answer{Address: vip(1).Addr(), MAC: mac}}: true,
		{ID: four, Answer: vrrp.Answer{Address: vip(2).Addr(), MAC: mac}}: true,
		{ID: six, Answer: vrrp.Answer{Address: vipSix.Addr(), MAC: mac}}:  true,
	}
	got := make(map[vrrp.Answered]bool)
	for len(got) < len(want) {
		select {
		case answer := <-heard:
			got[answer] = true
		case <-time.After(patience):
			t.Fatalf("heard only %v", got)
		}
	}
	if diff := cmp.Diff(want, got, comparing); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// asksFor tells whether a packet is a probe for an address.
func asksFor(b []byte, ip netip.Addr) bool {
	if ip.Is6() {
		const target = ipv6Payload + 8
		return len(b) >= target+16 && b[ipv6Payload] == 135 && slices.Equal(b[target:target+16], ip.AsSlice())
	}
	var p arp.Packet
	return p.UnmarshalBinary(b) == nil && p.SenderIP == netip.IPv4Unspecified() && p.TargetIP == ip
}

// An end of everything ends a look for duplicates at once.
func TestProbeIsCut(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer")
	o := newOverhearer(func(vrrp.Event) {})
	o.probe(&vrrp.Probe{ID: routerA, Interface: "eth0", Addresses: []netip.Prefix{vip(1)}, Until: Now().Add(time.Hour)})
	await(t, "the socket to open", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.open) == 1
	})
	o.close()
}

// The questions are those of the RFCs, octet by octet.
func TestProbePackets(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	b, to, err := arpProbe(mac, netip.MustParseAddr("192.0.2.100"))
	must(t, err)
	want := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 100}
	if !slices.Equal(b, want) || to.String() != broadcast.String() {
		t.Errorf("to %s: % x", to, b)
	}
	b, to, err = neighbourProbe(mac, netip.MustParseAddr("2001:db8::12:3456"))
	must(t, err)
	group := netip.MustParseAddr("ff02::1:ff12:3456")
	header := append([]byte{0x60, 0, 0, 0, 0, 24, 58, 255}, append(make([]byte, 16), group.AsSlice()...)...)
	if !slices.Equal(b[:ipv6Payload], header) || to.String() != "33:33:ff:12:34:56" {
		t.Errorf("to %s: % x", to, b)
	}
	m, err := ndp.ParseMessage(b[ipv6Payload:])
	must(t, err)
	if s, ok := m.(*ndp.NeighborSolicitation); !ok || s.TargetAddress.String() != "2001:db8::12:3456" || len(s.Options) != 0 {
		t.Errorf("%+v", m)
	}
	if _, _, err := arpProbe(mac, netip.IPv6LinkLocalAllNodes()); err == nil {
		t.Error("ARP asks for an IPv6 address")
	}
	if _, _, err := neighbourProbe(mac, netip.MustParseAddr("192.0.2.1")); err == nil {
		t.Error("neighbour discovery asks for an IPv4 address")
	}
}
