package kernel

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/vipd/vipd/vrrp"
	"golang.org/x/sys/unix"
)

// Who asked for an address after its heir announced it and before it left may
// have had our answer: the announcement is repeated when the address leaves,
// with the heir's MAC address inside and ours outside. An address without an
// heir is not talked of.
func TestSafety_2_5_HeirsAreAnnouncedAgain(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24", "2001:db8::1/64")
	linkLocal(t, "eth0")
	linkLocal(t, "peer")
	h := open(t, t.TempDir())
	six := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv6, VRID: 1}
	h.Links().Hold(lease(1, 30, vip(100), vip(101)))
	holdSix := lease(1, 30, vipSix)
	holdSix.ID = six
	h.Links().Hold(holdSix)
	must(t, h.Links().Flush(patience))
	until := Now().Add(patience)
	h.Overhear(&vrrp.HandingOver{ID: routerA, Addresses: []netip.Prefix{vip(100), vip(101)}, Until: until})
	h.Overhear(&vrrp.HandingOver{ID: six, Addresses: []netip.Prefix{vipSix}, Until: until})
	await(t, "the sockets to open", func() bool {
		h.overhears.mu.Lock()
		defer h.overhears.mu.Unlock()
		return len(h.overhears.open) == 2
	})

	ifi, err := net.InterfaceByName("peer")
	must(t, err)
	heir := net.HardwareAddr{2, 0, 0, 0, 0, 0x99}
	must(t, announceFor(ifi, map[netip.Addr]net.HardwareAddr{vip(100).Addr(): heir}))
	must(t, advertiseFor(*ifi, map[netip.Addr]net.HardwareAddr{vipSix.Addr(): heir}))
	await(t, "the heirs to be heard", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		n := 0
		for _, ev := range h.fed {
			if _, ok := ev.(*vrrp.Announced); ok {
				n++
			}
		}
		return n == 2
	})

	arps, nas := ear(t, "peer", unix.ETH_P_ARP), ear(t, "peer", unix.ETH_P_IPV6)
	h.Links().Release(&vrrp.Release{ID: routerA, Addresses: []netip.Prefix{vip(101), vip(100)}, Epoch: 2})
	h.Links().Release(&vrrp.Release{ID: six, Addresses: []netip.Prefix{vipSix}, Epoch: 2})
	must(t, h.Links().Flush(patience))
	const ethernet = 14
	ours := device(t, "eth0").Attrs().HardwareAddr
	var about []netip.Addr
	got := frame(t, arps, func(b []byte) bool {
		var p arp.Packet
		if p.UnmarshalBinary(b[ethernet:]) != nil || p.SenderIP != p.TargetIP {
			return false
		}
		about = append(about, p.SenderIP)
		return bytes.Equal(p.SenderHardwareAddr, heir)
	})
	if !bytes.Equal(got[6:12], ours) || about[0] != vip(100).Addr() {
		t.Errorf("%x about %v", got, about)
	}
	got = frame(t, nas, func(b []byte) bool {
		ip, mac, ok := announcedByNeighbour(b[ethernet:])
		return ok && ip == vipSix.Addr() && bytes.Equal(mac, heir)
	})
	if !bytes.Equal(got[6:12], ours) {
		t.Errorf("%x", got)
	}
	for _, b := range voices(t, arps) {
		t.Errorf("and %x", b)
	}
	must(t, h.Close())
}

// An announcement that is older than the hand-over is none any more.
func TestHeirsAreForgotten(t *testing.T) {
	t.Parallel()
	var h heirs
	now, mac := time.Unix(1000, 0), net.HardwareAddr{2, 0, 0, 0, 0, 1}
	h.note("eth0", vip(100).Addr(), mac, now)
	for _, tt := range []struct {
		what  string
		iface string
		at    time.Time
		want  bool
	}{
		{"another interface", "eth1", now, false}, {"in time", "eth0", now, true}, {"a second time", "eth0", now, false},
	} {
		if got := h.take(tt.iface, vip(100).Addr(), tt.at); (got != nil) != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
	h.note("eth0", vip(100).Addr(), mac, now)
	if got := h.take("eth0", vip(100).Addr(), now.Add(time.Nanosecond)); got != nil {
		t.Errorf("too late: %v", got)
	}
}
