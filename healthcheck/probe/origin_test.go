package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
)

// packets are checks over UDP that expect something, one of each kind.
func packets() map[string]healthcheck.Params {
	return map[string]healthcheck.Params{
		"dns":    healthcheck.DNS{Name: "a.", Type: "A", Code: "NOERROR", Transport: "udp"},
		"radius": healthcheck.RADIUS{User: "u", Secret: "s", NASIdentifier: "n"},
		"sip":    healthcheck.SIP{User: "a", Transport: "udp", Status: "200"},
		"udp":    healthcheck.UDP{Send: "x", Expect: "never"},
	}
}

// everyProbe is every kind of check that sends something, in every way.
func everyProbe() map[string]func(*healthcheck.Settings) {
	all := streams()
	for kind, params := range packets() {
		all[kind+" over udp"] = func(s *healthcheck.Settings) {
			*s = healthcheck.Defaults(healthcheck.Kind(kind))
			s.Params = params
		}
	}
	for _, kind := range []healthcheck.Kind{healthcheck.KindTCP, healthcheck.KindPing} {
		all["mere "+string(kind)] = func(s *healthcheck.Settings) { *s = healthcheck.Defaults(kind) }
	}
	return all
}

// TestEveryKindLeavesAsItIsTold: source address, interface and mark of all that
// kinds send, over both families. Only packets with the mark find the server, and
// only loopback leads to it.
func TestEveryKindLeavesAsItIsTold(t *testing.T) {
	for server, source := range map[string]string{"198.51.100.1": "127.0.0.1", "2001:db8::1": "::1"} {
		t.Run(server, func(t *testing.T) {
			inNamespace(t, "0 2147483647", func() {
				silence(t) // another interface
				address, from := netip.MustParseAddr(server), netip.MustParseAddr(source)
				reachedByMark(t, address, 7)
				target, seen := noting(t, address)
				awaitRoute(t, target, healthcheck.Network{Source: from, Mark: 7})
				<-seen
				for name, change := range everyProbe() {
					probeAsTold(t, name, target, seen, func(s *healthcheck.Settings) {
						change(s)
						s.Timeout = patience
						s.Network = healthcheck.Network{Source: from, Interface: "lo", Mark: 7}
					})
				}
			})
		})
	}
}

// probeAsTold probes a target that tells where from, then without the mark, then
// by another interface.
func probeAsTold(t *testing.T, name string, target netip.AddrPort, seen chan netip.Addr, change func(*healthcheck.Settings)) {
	t.Helper()
	p, k := New(Options{}), keyOf("", target, change)
	ping := k.Settings.Kind == healthcheck.KindPing
	results := func(ctx context.Context, k healthcheck.Key) []healthcheck.Result {
		all := []healthcheck.Result{p.Run(ctx, k)}
		if p.plan(&k) != nil {
			all = append(all, fly(t, looping(t, p), k))
		}
		return all
	}
	came := newFuse(t)
	if !ping {
		go came.burnWhen(func() bool { return len(seen) > 0 })
	}
	for _, r := range results(came, k) {
		if ping {
			if !r.OK() {
				t.Errorf("%s: %s %q", name, r.Class, r.Reason)
			}
			continue
		}
		select {
		case got := <-seen:
			if got != k.Settings.Network.Source {
				t.Errorf("%s came from %s", name, got)
			}
		case <-time.After(patience):
			t.Fatalf("%s did not come: %s %q", name, r.Class, r.Reason)
		}
	}
	without, elsewhere := k, k
	without.Settings.Network.Mark, without.Settings.Network.Interface = 0, "" // by an interface, IPv4 takes everything for a neighbour
	elsewhere.Settings.Network.Interface = "near"
	for what, k := range map[string]healthcheck.Key{"without its mark": without, "by another interface": elsewhere} {
		k.Settings.Timeout = 50 * time.Millisecond
		for _, r := range results(t.Context(), k) {
			if r.OK() || what == "without its mark" && r.Class != healthcheck.ClassNetwork {
				t.Errorf("%s %s: %s %q", name, what, r.Class, r.Reason)
			}
		}
		for len(seen) > 0 {
			t.Errorf("%s came %s from %s", name, what, <-seen)
		}
	}
}

// reachedByMark makes an address of this namespace's loopback that only packets
// with a mark reach.
func reachedByMark(t *testing.T, address netip.Addr, mark uint32) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	lo, err := netlink.LinkByName("lo")
	must(err)
	whole := &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(address.BitLen(), address.BitLen())}
	must(netlink.AddrAdd(lo, &netlink.Addr{IPNet: whole, Flags: unix.IFA_F_NODAD}))
	family := netlink.FAMILY_V6
	if address.Is4() {
		family = netlink.FAMILY_V4
	}
	rule := func(priority int, change func(*netlink.Rule)) {
		t.Helper()
		r := netlink.NewRule()
		r.Family, r.Priority = family, priority
		change(r)
		must(netlink.RuleAdd(r))
	}
	rule(10, func(r *netlink.Rule) { r.Dst, r.Mark, r.Table = whole, mark, unix.RT_TABLE_LOCAL })
	rule(20, func(r *netlink.Rule) { r.Dst, r.Type = whole, nl.FR_ACT_PROHIBIT })
	rule(30, func(r *netlink.Rule) { r.Table = unix.RT_TABLE_LOCAL })
	first := netlink.NewRule() // to the local table, before all others
	first.Family, first.Priority, first.Table = family, 0, unix.RT_TABLE_LOCAL
	must(netlink.RuleDel(first))
}

// awaitRoute waits until a TCP connection comes about: the kernel makes the route
// to an IPv6 address a moment after that.
func awaitRoute(t *testing.T, target netip.AddrPort, n healthcheck.Network) {
	t.Helper()
	k := keyOf(healthcheck.KindTCP, target, func(s *healthcheck.Settings) { s.Network = n })
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		r := New(Options{}).Run(t.Context(), k)
		if r.OK() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no way to %s: %s %q", target, r.Class, r.Reason)
		}
	}
}

// noting starts a server of TCP and UDP that tells from where it is asked and
// says nothing of use.
func noting(t *testing.T, address netip.Addr) (netip.AddrPort, chan netip.Addr) {
	t.Helper()
	seen := make(chan netip.Addr, 100)
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(address, 0)))
	if err != nil {
		t.Fatal(err)
	}
	target := l.Addr().(*net.TCPAddr).AddrPort()
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(target))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); u.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			seen <- c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
			fmt.Fprint(c, "noise\r\n")
			c.Close()
		}
	}()
	go func() {
		for buf := make([]byte, 4096); ; {
			_, from, err := u.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			seen <- from.Addr().Unmap()
			_, _ = u.WriteToUDPAddrPort([]byte("noise"), from)
		}
	}()
	return target, seen
}

// TestSourceOfAnotherFamily says nothing about the server.
func TestSourceOfAnotherFamily(t *testing.T) {
	for _, kind := range []healthcheck.Kind{healthcheck.KindTCP, healthcheck.KindUDP, healthcheck.KindPing} {
		k := keyOf(kind, netip.MustParseAddrPort("[::1]:80"), func(s *healthcheck.Settings) { s.Network.Source = netip.MustParseAddr("192.0.2.1") })
		expect(t, New(Options{}), k, healthcheck.ClassInternal, "source 192.0.2.1 is of another family than ::1")
	}
}
