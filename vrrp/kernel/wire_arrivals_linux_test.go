package kernel

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
)

// With many ports the kernel tells which of them have something: each packet is
// received once, a flood at one port hides no other, also after an interface came
// anew, after a reload to few ports, and in a process that got the sockets.
func TestWireOfManyPorts(t *testing.T) {
	if !namespaced(t) {
		return
	}
	const many = 2 * askEach
	must(t, writeSetting("ipv4/conf/all/accept_local", "1"))
	var near, far []runner.Port
	for i := range many {
		here, there := fmt.Sprintf("eth%d", i), fmt.Sprintf("peer%d", i)
		cable(t, here, there, fmt.Sprintf("10.0.%d.1/24", i))
		must(t, netlink.AddrAdd(device(t, there), parseAddr(t, fmt.Sprintf("10.0.%d.2/24", i))))
		near = append(near, runner.Port{Interface: here, Family: vrrp.IPv4, Group: vrrp.GroupIPv4})
		far = append(far, runner.Port{Interface: there, Family: vrrp.IPv4, Group: vrrp.GroupIPv4})
	}
	w, peer := newWire(), newWire()
	defer peer.close()
	must(t, w.Listen(near))
	must(t, peer.Listen(far))
	say := func(i int, times byte) {
		t.Helper()
		for n := range times {
			must(t, peer.Send(&vrrp.SendAdvert{
				ID: vrrp.RouterID{Interface: far[i].Interface, Family: vrrp.IPv4, VRID: 1}, Src: netip.AddrFrom4([4]byte{10, 0, byte(i), 2}), Dst: vrrp.GroupIPv4, TTL: 255,
				Payload: []byte{0x31, 1, n, 0},
			}))
		}
	}
	hear := func(w *Wire, count int) (from []string) {
		t.Helper()
		for range count {
			p := receive(t, w)
			from = append(from, p.Interface)
		}
		silence(t, w)
		return from
	}
	for i := range many {
		say(i, 1)
		want(t, "heard", fmt.Sprint(hear(w, 1)), fmt.Sprint([]string{near[i].Interface}))
	}

	say(0, 20)
	say(many-1, 1)
	if from := hear(w, 21); from[0] != near[many-1].Interface && from[1] != near[many-1].Interface {
		t.Errorf("a flood hides another interface: %v", from)
	}

	must(t, netlink.LinkDel(device(t, "eth3")))
	must(t, w.Relink("eth3"))
	cable(t, "eth3", "peer3", "10.0.3.1/24")
	must(t, netlink.AddrAdd(device(t, "peer3"), parseAddr(t, "10.0.3.2/24")))
	must(t, w.Relink("eth3"))
	must(t, peer.Relink("peer3"))
	say(3, 1)
	want(t, "heard after it came anew", fmt.Sprint(hear(w, 1)), "[eth3]")

	k := &Kernel{wire: w}
	ports, fds, err := k.Pass()
	must(t, err)
	heir, err := passedWire(ports, fds)
	must(t, err)
	heir.listen()
	w.close()
	say(5, 1)
	want(t, "heard by another process", fmt.Sprint(hear(heir, 1)), "[eth5]")

	must(t, heir.Listen(near[:2]))
	say(1, 1)
	say(5, 1)
	want(t, "heard with few ports", fmt.Sprint(hear(heir, 1)), "[eth1]")
	heir.close()
}
