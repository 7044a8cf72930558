package daemon

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"
)

// TestAddressLog: an address is told of when it comes and when it goes, not when
// its lease is refreshed, and on every interface by itself.
func TestAddressLog(t *testing.T) {
	l := addressLog{}
	update := func(index int, there bool) netlink.AddrUpdate {
		return netlink.AddrUpdate{LinkAddress: net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}, LinkIndex: index, NewAddr: there}
	}
	for i, tt := range []struct {
		index int
		there bool
		want  string
	}{{2, false, ""}, {2, true, "added to"}, {2, true, ""}, {3, true, "added to"}, {2, false, "removed from"}, {3, true, ""}, {2, true, "added to"}} {
		if got := l.hear(update(tt.index, tt.there)); got != tt.want {
			t.Errorf("update %d: %q, want %q", i, got, tt.want)
		}
	}
}
