package probe

import (
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
)

// TestUDPHearsThatNobodyIsThere: that a host does not answer for its address is
// an ICMP error that the kernel makes itself, and tells only who asks.
func TestUDPHearsThatNobodyIsThere(t *testing.T) {
	inNamespace(t, "0 2147483647", func() {
		silence(t)
		near, err := netlink.LinkByName("near")
		if err != nil {
			t.Fatal(err)
		}
		six, err := netlink.ParseAddr("2001:db8::254/64")
		if err != nil {
			t.Fatal(err)
		}
		six.Flags = unix.IFA_F_NODAD
		if err := netlink.AddrAdd(near, six); err != nil {
			t.Fatal(err)
		}
		for _, family := range []string{"ipv4", "ipv6"} {
			for name, text := range map[string]string{"mcast_solicit": "1", "retrans_time_ms": "20"} { // ask once, and not for a second
				if err := os.WriteFile("/proc/sys/net/"+family+"/neigh/near/"+name, []byte(text), 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		all := packets()
		all["udp that may be silent"] = healthcheck.UDP{Silent: true}
		for name, params := range all {
			kind := healthcheck.Kind(name)
			if _, ok := params.(healthcheck.UDP); ok {
				kind = healthcheck.KindUDP
			}
			for _, target := range []string{"192.0.2.1:53", "[2001:db8::1]:53"} {
				k := keyOf(kind, netip.MustParseAddrPort(target), func(s *healthcheck.Settings) { s.Params = params })
				expect(t, New(Options{}), k, healthcheck.ClassNetwork, "no route to host while waiting for the answer")
				if t.Failed() { // it waited for long
					return
				}
			}
		}
	})
}
