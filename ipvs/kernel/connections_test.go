package kernel

import (
	"testing"
	"time"

	lib "github.com/cloudflare/ipvs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"net/netip"

	"github.com/vipd/vipd/ipvs/ipvstest"
)

func TestConnections(t *testing.T) {
	one := netip.MustParseAddrPort("192.0.2.1:80")
	c := newConn()
	c.destinations = []lib.DestinationExtended{{
		Destination:       lib.Destination{Address: one.Addr(), Port: one.Port(), Family: lib.INET},
		ActiveConnections: 2, InactiveConnections: 3,
	}}
	got, err := newClient(dialer(c), time.Second).Connections(ipvstest.MustKey("tcp 192.0.2.9:80"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[netip.AddrPort]uint32{one: 5}, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	broken := newConn()
	broken.fail["destinations"] = errno(unix.EPERM)
	if _, err := newClient(dialer(broken), time.Second).Connections(ipvstest.MustKey("tcp 192.0.2.9:80")); err == nil {
		t.Error("a refusal counts as no connections")
	}
}
