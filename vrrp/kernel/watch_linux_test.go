package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
)

// waitTold waits until the engine was told a state of eth0 and returns all
// states it was told on the way.
func waitTold(t *testing.T, h *host, last vrrp.Link) (all []vrrp.Link) {
	t.Helper()
	await(t, fmt.Sprintf("state %+v", last), func() bool {
		all = append(all, h.told()...)
		return slices.Contains(all, last)
	})
	return all
}

func TestWatchTellsInterfaceStates(t *testing.T) {
	if !namespaced(t) {
		return
	}
	h := open(t, t.TempDir())
	defer h.Close()
	gone := vrrp.Link{Interface: "eth0"}
	down := vrrp.Link{Interface: "eth0", Exists: true, Primary: vip(1).Addr(), MTU: 1500}
	up := down
	up.Up = true

	h.Watch([]string{"eth0"})
	if diff := cmp.Diff([]vrrp.Link{gone}, h.told(), comparing); diff != "" {
		t.Fatalf("first states (-want +got):\n%s", diff)
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	waitTold(t, h, up)

	// No carrier, and carrier again.
	must(t, netlink.LinkSetDown(device(t, "peer")))
	waitTold(t, h, down)
	must(t, netlink.LinkSetUp(device(t, "peer")))
	waitTold(t, h, up)

	// A virtual address is never the primary one, nor does it cause an event.
	h.Links().Hold(lease(1, 60, vip(100)))
	must(t, h.Links().Flush(patience))
	must(t, netlink.AddrDel(device(t, "eth0"), parseAddr(t, "192.0.2.1/24")))
	bare := up
	bare.Primary = netip.Addr{}
	if all := waitTold(t, h, bare); len(all) != 1 {
		t.Errorf("told %+v, want the loss of the primary address alone", all)
	}
	must(t, netlink.AddrAdd(device(t, "eth0"), parseAddr(t, "198.51.100.7/24")))
	moved := up
	moved.Primary = netip.MustParseAddr("198.51.100.7")
	waitTold(t, h, moved)

	must(t, netlink.LinkSetMTU(device(t, "eth0"), 1400))
	moved.MTU = 1400
	waitTold(t, h, moved)

	// Moved into a bridge, and out of it.
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "br0"
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}))
	must(t, netlink.LinkSetMaster(device(t, "eth0"), device(t, "br0")))
	port := moved
	port.Master = "bridge br0"
	waitTold(t, h, port)
	must(t, netlink.LinkSetNoMaster(device(t, "eth0")))
	waitTold(t, h, moved)

	// A new interface under the old name: gone first.
	must(t, netlink.LinkDel(device(t, "eth0")))
	cable(t, "eth0", "peer", "192.0.2.1/24")
	all := waitTold(t, h, up)
	if all[0] != gone && !slices.Contains(all, gone) {
		t.Errorf("told %+v, want the interface gone in between", all)
	}

	// Renamed away.
	must(t, netlink.LinkSetDown(device(t, "eth0")))
	must(t, netlink.LinkSetName(device(t, "eth0"), "eth9"))
	waitTold(t, h, gone)
	h.Watch([]string{"eth9"})
	if all := h.told(); len(all) != 1 || all[0].Interface != "eth9" || !all[0].Exists {
		t.Errorf("told %+v, want the new name's state", all)
	}
}

// When notices overrun the subscription, everything is read again.
func TestWatchSurvivesOverrun(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	h := open(t, t.TempDir())
	defer h.Close()
	h.Watch([]string{"eth0"})
	h.Links().Hold(lease(1, 60, vip(100)))
	must(t, h.Links().Flush(patience))
	h.told()

	h.watch.mu.Lock() // nobody reads the notices
	looks := make(chan struct{}, 1)
	h.watch.linked = func() {
		select {
		case looks <- struct{}{}:
		default:
		}
	}
	eth0 := device(t, "eth0")
	for i := range 12000 {
		a := parseAddr(t, fmt.Sprintf("10.0.%d.%d/32", i/250%250, i%250+1))
		must(t, netlink.AddrAdd(eth0, a))
		must(t, netlink.AddrDel(eth0, a))
	}
	must(t, netlink.AddrDel(eth0, parseAddr(t, "192.0.2.100/24")))
	must(t, netlink.LinkSetDown(eth0))
	h.watch.mu.Unlock()

	select {
	case <-looks:
	case <-time.After(patience):
		t.Error("nobody looks for interfaces that went without a notice")
	}
	waitTold(t, h, vrrp.Link{Interface: "eth0", Exists: true, Primary: vip(1).Addr(), MTU: 1500})
	await(t, "the address that went unnoticed is put back", func() bool {
		_, there := onInterface(t, "eth0", vip(100))
		return there
	})
	must(t, netlink.LinkSetUp(eth0))
	waitTold(t, h, vrrp.Link{Interface: "eth0", Exists: true, Up: true, Primary: vip(1).Addr(), MTU: 1500})
}
