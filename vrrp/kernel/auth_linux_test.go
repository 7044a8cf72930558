package kernel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// An engine's advert with an authentication header passes through two kernels
// without a change to what the header covers.
func TestKeepalived_Q9_HeaderSurvivesTheKernel(t *testing.T) {
	if !namespaced(t) {
		return
	}
	home, away := elsewhere(t)
	cable(t, "eth0", "far0", "192.0.2.1/24")
	must(t, netlink.LinkSetNsFd(device(t, "far0"), int(away)))
	portAH := runner.Port{Interface: "eth0", Family: vrrp.IPv4, Group: vrrp.GroupIPv4, AH: true}
	near, far := newWire(), newWire()
	defer near.close()
	defer far.close()
	must(t, near.Listen([]runner.Port{port0, portAH}))
	must(t, netns.Set(away))
	must(t, netlink.LinkSetName(device(t, "far0"), "eth0"))
	must(t, netlink.LinkSetUp(device(t, "eth0")))
	must(t, netlink.AddrAdd(device(t, "eth0"), parseAddr(t, "192.0.2.2/24")))
	must(t, far.Listen([]runner.Port{portAH}))
	must(t, netns.Set(home))
	await(t, "carrier", func() bool { return device(t, "eth0").Attrs().RawFlags&unix.IFF_RUNNING != 0 })

	config := vrrp.Config{
		Name: "web", ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}, Version: 2, Priority: 255,
		AdvertInterval: time.Second, Addresses: addrs("192.0.2.100/24"),
		Auth: vrrp.Auth{Type: vrrp.AuthHeader, Key: vrrp.Secret("s3cr3t12")},
	}
	e := vrrp.NewEngine()
	now := Now()
	e.Step(now, &vrrp.Link{Interface: "eth0", Exists: true, Up: true, Primary: vip(1).Addr(), MTU: 1500})
	out := e.Step(now, &vrrp.Configure{Routers: []vrrp.Config{config}})
	advert := out.Actions[0].(*vrrp.SendAdvert)
	must(t, near.Send(advert))
	got := receive(t, far)
	if !got.AH || got.Src != vip(1).Addr() || got.TTL != 255 {
		t.Errorf("received %+v", got)
	}
	if diff := cmp.Diff(advert.Payload[20:], got.Payload); diff != "" {
		t.Errorf("behind the IP header (-want +got):\n%s", diff)
	}

	config.Priority = 100
	e = vrrp.NewEngine()
	e.Step(now, &vrrp.Link{Interface: "eth0", Exists: true, Up: true, Primary: vip(2).Addr(), MTU: 1500})
	e.Step(now, &vrrp.Configure{Routers: []vrrp.Config{config}})
	e.Step(now, &got)
	if s := e.Status()[0]; s.Counters.AdvertsReceived != 1 {
		t.Errorf("dropped %v", s.Counters.Dropped)
	}
}

func addrs(words ...string) (all []netip.Prefix) {
	for _, w := range words {
		all = append(all, netip.MustParsePrefix(w))
	}
	return all
}
