package kernel

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Accept mode off: nobody reaches the virtual addresses, but hosts find them
// by ARP and neighbour discovery, and the host's other addresses are reached.
func TestRFC9568_6_1_AcceptMode(t *testing.T) {
	if !namespaced(t) {
		return
	}
	home, away := elsewhere(t)
	cable(t, "eth0", "far0", "192.0.2.1/24", "192.0.2.100/24", "2001:db8::1/64", "2001:db8::100/64")
	must(t, netlink.LinkSetNsFd(device(t, "far0"), int(away)))
	must(t, netns.Set(away))
	must(t, netlink.LinkSetName(device(t, "far0"), "eth0"))
	must(t, netlink.LinkSetUp(device(t, "eth0")))
	for _, a := range []string{"192.0.2.2/24", "2001:db8::2/64"} {
		must(t, netlink.AddrAdd(device(t, "eth0"), parseAddr(t, a)))
	}
	must(t, netns.Set(home))
	linkLocal(t, "eth0")
	for _, a := range []string{"192.0.2.1", "192.0.2.100", "[2001:db8::1]", "[2001:db8::100]"} {
		await(t, "listening at "+a, func() bool {
			l, err := net.Listen("tcp", a+":80")
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err == nil
		})
	}
	config := func(f vrrp.Family, words ...string) vrrp.Config {
		return vrrp.Config{ID: vrrp.RouterID{Interface: "eth0", Family: f, VRID: 51}, Addresses: addrs(words...), NoAccept: true}
	}
	off := []vrrp.Config{config(vrrp.IPv4, "192.0.2.100/24"), config(vrrp.IPv6, "2001:db8::100/64")}
	reached := func(addr string) bool {
		must(t, netns.Set(away))
		defer func() { must(t, netns.Set(home)) }()
		conn, err := net.DialTimeout("tcp", addr+":80", 700*time.Millisecond)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	known := func(ip string) bool {
		must(t, netns.Set(away))
		defer func() { must(t, netns.Set(home)) }()
		all, err := netlink.NeighList(device(t, "eth0").Attrs().Index, netlink.FAMILY_ALL)
		must(t, err)
		for _, n := range all {
			if a, _ := netip.AddrFromSlice(n.IP); a.Unmap() == netip.MustParseAddr(ip) {
				return n.State&(unix.NUD_REACHABLE|unix.NUD_STALE|unix.NUD_DELAY|unix.NUD_PROBE) != 0
			}
		}
		return false
	}
	filter := Filter{Table: "vipd", Priority: 110}
	must(t, RefuseTraffic(off, filter))
	await(t, "the host's own addresses", func() bool { return reached("192.0.2.1") && reached("[2001:db8::1]") })
	if reached("192.0.2.100") || reached("[2001:db8::100]") {
		t.Error("a virtual address was reached")
	}
	if !known("192.0.2.100") || !known("2001:db8::100") {
		t.Error("a virtual address was not found on the network")
	}
	must(t, RefuseTraffic(off[1:], filter))
	if !reached("192.0.2.100") || reached("[2001:db8::100]") {
		t.Error("the change of one router did not come through")
	}
	other := Filter{Table: "elsewhere", Priority: -7}
	must(t, RefuseTraffic(off[1:], other))
	if got := priorities(t); got["elsewhere"] != -7 || got["vipd"] != 110 {
		t.Errorf("priorities of the chains by table: %v", got)
	}
	must(t, RefuseTraffic(nil, other))
	must(t, RefuseTraffic(nil, filter))
	must(t, RefuseTraffic(nil, filter))
	if !reached("[2001:db8::100]") {
		t.Error("a virtual address is still not reached")
	}
}

// priorities are those of the chains of all tables.
func priorities(t *testing.T) map[string]int {
	t.Helper()
	c, err := nftables.New()
	must(t, err)
	chains, err := c.ListChains()
	must(t, err)
	out := map[string]int{}
	for _, chain := range chains {
		if chain.Priority != nil {
			out[chain.Table.Name] = int(*chain.Priority)
		}
	}
	return out
}
