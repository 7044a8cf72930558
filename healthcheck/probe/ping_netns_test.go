package probe

import (
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
)

// inNamespace runs test on a thread in a network namespace of its own, with
// loopback up and only the groups of pingGroups allowed to ping. The thread
// and what test did to it end with test.
func inNamespace(t *testing.T, pingGroups string, test func()) {
	t.Helper()
	done := make(chan string)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread must not be reused
		why := enterNamespace(pingGroups)
		defer func() { done <- why }() // also when the test gives up
		if why == "" {
			test()
		}
	}()
	if why := <-done; why != "" {
		t.Skip(why)
	}
}

// enterNamespace returns why there is no namespace, "" when there is one.
func enterNamespace(pingGroups string) string {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return "make a network namespace: " + err.Error()
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return "find loopback: " + err.Error()
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return "bring up loopback: " + err.Error()
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte(pingGroups), 0); err != nil {
		return "set ping_group_range: " + err.Error()
	}
	return ""
}

// dropCapabilities takes all capabilities from this thread.
func dropCapabilities(t *testing.T) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Errorf("drop capabilities: %v", err)
	}
}

func TestPingSockets(t *testing.T) {
	const everybody, nobody = "0 2147483647", "1 0"
	const refused = "ping needs net.ipv4.ping_group_range to include our group, or CAP_NET_RAW"
	tests := []struct {
		name       string
		groups     string
		privileged bool
		class      healthcheck.Class
		reason     string
	}{
		{"datagram", everybody, false, healthcheck.ClassOK, "echo reply"},
		{"datagram before raw", everybody, true, healthcheck.ClassOK, "echo reply"},
		{"raw", nobody, true, healthcheck.ClassOK, "echo reply"},
		{"neither", nobody, false, healthcheck.ClassInternal, refused},
	}
	for _, tt := range tests {
		for _, target := range []string{"127.0.0.1", "::1"} {
			t.Run(tt.name+"/"+target, func(t *testing.T) {
				inNamespace(t, tt.groups, func() {
					if !tt.privileged {
						dropCapabilities(t)
					}
					k := keyOf(healthcheck.KindPing, netip.AddrPortFrom(netip.MustParseAddr(target), 0), nil)
					expect(t, New(Options{}), k, tt.class, tt.reason)
				})
			})
		}
	}
}

// TestPingNobody pings an address that no host answers for.
func TestPingNobody(t *testing.T) {
	inNamespace(t, "0 2147483647", func() {
		k := keyOf(healthcheck.KindPing, netip.MustParseAddrPort("192.0.2.1:0"), nil)
		expect(t, New(Options{}), k, healthcheck.ClassNetwork, "network is unreachable while waiting for the echo reply")
		silence(t)
		k = keyOf(healthcheck.KindPing, netip.MustParseAddrPort("192.0.2.1:0"), short)
		expect(t, New(Options{}), k, healthcheck.ClassTimeout, "no echo reply within 300ms")
	})
}

// silence makes a network with nobody in it: 192.0.2.0/24 on a cable whose
// other end has no address.
func silence(t *testing.T) {
	t.Helper()
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near"}, PeerName: "far"}
	if err := netlink.LinkAdd(cable); err != nil {
		t.Errorf("add veth pair: %v", err)
		return
	}
	address, err := netlink.ParseAddr("192.0.2.254/24")
	if err != nil {
		t.Error(err)
		return
	}
	if err := netlink.AddrAdd(cable, address); err != nil {
		t.Errorf("add address: %v", err)
	}
	for _, name := range []string{"near", "far"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			t.Error(err)
			return
		}
		if err := netlink.LinkSetUp(link); err != nil {
			t.Errorf("bring up %s: %v", name, err)
		}
	}
}
