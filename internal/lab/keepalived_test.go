package lab

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// vrrp3 is a keepalived instance with short intervals.
const vrrp3 = `global_defs {
  vrrp_version 3
}
vrrp_instance test {
  interface eth0
  virtual_router_id 51
  priority %d
  advert_int 0.1
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`

// TestKeepalivedPair shows the harness on a pair of peers alone.
func TestKeepalivedPair(t *testing.T) {
	t.Parallel()
	Need(t, Root, Tool("keepalived"))
	l, hosts := segment(t, "ka1", "ka2", "witness")
	ka1, ka2 := hosts[0], hosts[1]
	wire := hosts[2].Capture("eth0")
	owners := l.Ownership("192.0.2.100", ka1, ka2)

	backup := ka2.Keepalived(fmt.Sprintf(vrrp3, 100))
	WaitFor(t, "ka2 is master", 10*time.Second, func() error { return owners.Only(ka2) })
	master := ka1.Keepalived(fmt.Sprintf(vrrp3, 150))
	WaitFor(t, "ka1 preempts", 10*time.Second, func() error { return owners.Only(ka1) })
	WaitFor(t, "ka1 announces the address", 5*time.Second, func() error {
		if len(wire.Announced(ka1, "192.0.2.100", time.Time{})) == 0 {
			return fmt.Errorf("%d frames, no gratuitous ARP", len(wire.Frames(time.Time{})))
		}
		return nil
	})
	adverts := wire.Adverts(ka1, time.Time{})
	if len(adverts) == 0 {
		t.Fatal("no advert of ka1 captured")
	}
	want := Advert{
		At: adverts[0].At, Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("224.0.0.18"), TTL: 255, TOS: 0xc0,
		Version: 3, Type: 1, VRID: 51, Priority: 150, Interval: 100 * time.Millisecond,
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.100")},
	}
	if diff := cmp.Diff(want, adverts[0], compareAddrs); diff != "" {
		t.Errorf("advert of ka1 (-want +got):\n%s", diff)
	}

	master.Kill()
	killed := time.Now()
	WaitFor(t, "ka2 takes over", 5*time.Second, func() error {
		if len(owners.Owners()) == 2 { // keepalived leaves the address behind
			return nil
		}
		return owners.Only(ka2)
	})
	if late := wire.Adverts(ka1, killed.Add(50*time.Millisecond)); len(late) > 0 {
		t.Errorf("a killed keepalived sent %d adverts", len(late))
	}
	if !backup.Running() || master.Running() {
		t.Errorf("running: master %t, backup %t", master.Running(), backup.Running())
	}
}
