package kernel

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const protocolARP = unix.ETH_P_ARP

// isARPFor accepts frames that carry ARP about an address.
func isARPFor(ip netip.Addr) func([]byte) bool {
	return func(b []byte) bool {
		const frameLen, targetIP = 42, 38
		return len(b) >= frameLen && bytes.Equal(b[12:14], []byte{0x08, 0x06}) &&
			bytes.Equal(b[targetIP:targetIP+4], ip.AsSlice())
	}
}

// A gratuitous ARP on the wire, octet by octet: RFC 826 request from and for
// the address, all hardware targets broadcast.
func TestKeepalived_Q34_GratuitousARPFrame(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	heard := ear(t, "peer", protocolARP)
	h := open(t, t.TempDir())
	defer h.Close()
	h.Links().Hold(lease(1, 30, vip(100), vip(101)))
	h.Announcer().Announce(&vrrp.Gratuitous{ID: routerA, Addresses: []netip.Prefix{vip(100), vip(101)}, Repeat: 2, Epoch: 1})
	mac := device(t, "eth0").Attrs().HardwareAddr
	want := func(last byte) []byte {
		all := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		ip := []byte{192, 0, 2, last}
		return bytes.Join([][]byte{
			all, mac, {0x08, 0x06}, // Ethernet
			{0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01}, // Ethernet, IPv4, request
			mac, ip, all, ip,
		}, nil)
	}
	for round := range 2 {
		for _, last := range []byte{100, 101} {
			got := frame(t, heard, func([]byte) bool { return true })
			if diff := cmp.Diff(want(last), got); diff != "" {
				t.Errorf("frame of round %d (-want +got):\n%s", round+1, diff)
			}
		}
	}
}

func TestAnnouncerPacesAndTakesTurns(t *testing.T) {
	a := &announcer{wake: make(chan struct{}, 1), free: make(map[string]time.Time)}
	var many []netip.Prefix
	for i := range 70 {
		many = append(many, vip(i))
	}
	other := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 2}
	a.announce("eth0", &vrrp.Gratuitous{ID: routerA, Addresses: many, Repeat: 2})
	a.announce("eth1", &vrrp.Gratuitous{ID: other, Addresses: many[:3], Repeat: 1})
	type cut struct {
		Interface string
		N         int
	}
	var got []cut
	for {
		iface, some, _ := a.take(announceBurst, time.Time{})
		if len(some) == 0 {
			break
		}
		got = append(got, cut{iface, len(some)})
	}
	want := []cut{{"eth0", 32}, {"eth0", 32}, {"eth0", 6}, {"eth1", 3}, {"eth0", 32}, {"eth0", 32}, {"eth0", 6}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pieces (-want +got):\n%s", diff)
	}
	a.announce("eth0", &vrrp.Gratuitous{ID: routerA, Addresses: many, Repeat: 2})
	a.announce("eth1", &vrrp.Gratuitous{ID: other, Addresses: many, Repeat: 2})
	a.cancel(routerA)
	if iface, _, ok := a.take(1, time.Time{}); !ok || iface != "eth1" {
		t.Errorf("after cancelling router 1 came %v, %v", iface, ok)
	}
}

// Interfaces that have no ARP, or do not exist, are no error and cost nothing.
func TestAnnounceWhereThereIsNoARP(t *testing.T) {
	if !namespaced(t) {
		return
	}
	a := newAnnouncer()
	for _, name := range []string{"lo", "absent"} {
		a.announce(name, &vrrp.Gratuitous{
			ID: vrrp.RouterID{Interface: name}, Addresses: []netip.Prefix{vip(1)}, Repeat: 1,
		})
	}
	await(t, "the queue to empty", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.queue) == 0
	})
	time.Sleep(announcePause)
	a.close()
	if _, open := a.conns["absent"]; open {
		t.Error("a socket is open on an interface that does not exist")
	}
}

// The sockets of an interface that went are closed with the next announcement.
func TestAnnouncerForgetsInterfaces(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	linkLocal(t, "eth0")
	a := newAnnouncer()
	announce := func() {
		a.announce("eth0", &vrrp.Gratuitous{ID: routerA, Addresses: []netip.Prefix{vip(1), netip.MustParsePrefix("2001:db8::1/64")}, Repeat: 1})
		await(t, "the queue to empty", a.idle)
		time.Sleep(announcePause)
	}
	announce()
	must(t, netlink.LinkDel(device(t, "eth0")))
	announce()
	a.close()
	if len(a.conns)+len(a.nas) > 0 {
		t.Errorf("sockets are open: %v, %v", a.conns, a.nas)
	}
}

// Interfaces of one pace share the interval.
func TestAnnouncerKeepsTheIntervalOfAPace(t *testing.T) {
	a := &announcer{wake: make(chan struct{}, 1), free: make(map[string]time.Time)}
	for n, pace := range []string{"switch", "switch", ""} {
		a.announce(fmt.Sprint("eth", n), &vrrp.Gratuitous{
			ID: routerA, Addresses: []netip.Prefix{vip(n + 1)}, Repeat: 1, Interval: 10 * time.Millisecond, Pace: pace,
		})
	}
	start := time.Now()
	for _, step := range []struct {
		at   time.Duration
		want string
	}{{0, "eth0"}, {0, "eth2"}, {9 * time.Millisecond, ""}, {10 * time.Millisecond, "eth1"}} {
		if iface, _, _ := a.take(announceBurst, start.Add(step.at)); iface != step.want {
			t.Errorf("at %v: %q, want %q", step.at, iface, step.want)
		}
	}
}

// An interval paces an interface for all of its blocks; others go on.
func TestAnnouncerKeepsTheInterval(t *testing.T) {
	a := &announcer{wake: make(chan struct{}, 1), free: make(map[string]time.Time)}
	paced := func(n int) *vrrp.Gratuitous {
		return &vrrp.Gratuitous{ID: routerA, Addresses: []netip.Prefix{vip(n), vip(n + 1)}, Repeat: 1, Interval: 10 * time.Millisecond}
	}
	a.announce("eth0", paced(1))
	a.announce("eth0", paced(3))
	a.announce("eth1", &vrrp.Gratuitous{ID: routerA, Addresses: []netip.Prefix{vip(9)}, Repeat: 1})
	var got []string
	start := time.Now()
	for at := time.Duration(0); at < 100*time.Millisecond; at += time.Millisecond {
		for {
			iface, some, _ := a.take(announceBurst, start.Add(at))
			if len(some) == 0 {
				break
			}
			got = append(got, fmt.Sprint(at, " ", iface, " ", some))
		}
	}
	want := []string{
		"0s eth0 [192.0.2.1/24]", "0s eth1 [192.0.2.9/24]", "10ms eth0 [192.0.2.2/24]", "20ms eth0 [192.0.2.3/24]", "30ms eth0 [192.0.2.4/24]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(a.queue) != 0 {
		t.Errorf("%d blocks left", len(a.queue))
	}
}
