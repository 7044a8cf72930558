package kernel

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/arp"
	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
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
	o.overhear("absent", []netip.Prefix{vip(1)}, Now().Add(time.Minute))
	o.overhear("eth0", []netip.Prefix{vip(1), vip(2)}, Now().Add(time.Second))
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

// Our own announcements, which a packet socket sees too, are nobody else's.
func TestAnnounces(t *testing.T) {
	mac := broadcast
	own := append(mac[:5:5], 1)
	other := append(mac[:5:5], 2)
	for _, test := range []struct {
		name string
		from []byte
		to   netip.Prefix
		want bool
	}{
		{"other", other, vip(1), true},
		{"own", own, vip(1), false},
		{"question", other, vip(2), false},
	} {
		p, err := arp.NewPacket(arp.OperationRequest, test.from, vip(1).Addr(), broadcast, test.to.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if got := announces(p, own); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
