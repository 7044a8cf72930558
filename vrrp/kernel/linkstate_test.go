package kernel

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/vrrp"
)

// A refreshed lease changes nothing that anybody is to be told of.
func TestSafety_1_8_RefreshesAreNoNews(t *testing.T) {
	v := newView()
	a := seenAddress{address{index: 2, prefix: vip(100), proto: AddressProtocol, remaining: 6}, true}
	if !v.put(a) {
		t.Error("an address that came is no news")
	}
	a.remaining = 5
	if v.put(a) {
		t.Error("a refreshed lease is news")
	}
	a.ours = false
	if !v.put(a) {
		t.Error("an address that is ours no more is no news")
	}
}

// linkNotice is a notice about an interface that is up, and a port of master
// when that is not 0.
func linkNotice(kind uint16, family uint8, index int, name string, master int, masterKind string) syscall.NetlinkMessage {
	msg := nl.NewIfInfomsg(int(family))
	msg.Index, msg.Flags = int32(index), unix.IFF_UP|unix.IFF_RUNNING
	b := append(msg.Serialize(), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)).Serialize()...)
	if master != 0 {
		b = append(b, nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(master))).Serialize()...)
	}
	if masterKind != "" {
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(unix.IFLA_INFO_SLAVE_KIND, nl.ZeroTerminated(masterKind))
		b = append(b, info.Serialize()...)
	}
	return syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: kind}, Data: b}
}

// Notices of an interface that is moved from master to master, and what the
// engine is told of each.
func TestWatchNoticesMasters(t *testing.T) {
	const eth0, other = 2, 7
	var fed []vrrp.Link
	w := newWatch(func(ev vrrp.Event) { fed = append(fed, *ev.(*vrrp.Link)) }, nil, func() {})
	w.view = newView()
	w.take([]syscall.NetlinkMessage{linkNotice(unix.RTM_NEWLINK, unix.AF_UNSPEC, eth0, "eth0", 0, "")})
	w.set([]string{"eth0"})
	free := vrrp.Link{Interface: "eth0", Exists: true, Up: true}
	if diff := cmp.Diff([]vrrp.Link{free}, fed, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Fatalf("at first (-want +got):\n%s", diff)
	}
	in := func(master string) *vrrp.Link { l := free; l.Master = master; return &l }
	link, bridge := uint8(unix.AF_UNSPEC), uint8(unix.AF_BRIDGE)
	for _, step := range []struct {
		name   string
		notice syscall.NetlinkMessage
		want   *vrrp.Link // nil: no news
	}{
		{"a master of which nothing is known yet", linkNotice(unix.RTM_NEWLINK, link, eth0, "eth0", other, "bond"), in("bond with index 7")},
		{"its name", linkNotice(unix.RTM_NEWLINK, link, other, "bond0", 0, ""), in("bond bond0")},
		{"the same again", linkNotice(unix.RTM_NEWLINK, link, eth0, "eth0", other, "bond"), nil},
		{"another name", linkNotice(unix.RTM_NEWLINK, link, other, "uplink", 0, ""), in("bond uplink")},
		{"a team", linkNotice(unix.RTM_NEWLINK, link, eth0, "eth0", other, "team"), in("team uplink")},
		{"out", linkNotice(unix.RTM_NEWLINK, link, eth0, "eth0", 0, ""), in("")},
		{"a VRF", linkNotice(unix.RTM_NEWLINK, link, eth0, "eth0", other, "vrf"), nil},
		{"a bridge", linkNotice(unix.RTM_NEWLINK, link, eth0, "eth0", other, "bridge"), in("bridge uplink")},
		{"the bridge's own word about its port", linkNotice(unix.RTM_NEWLINK, bridge, eth0, "eth0", 0, ""), nil},
		{"and that the port leaves it", linkNotice(unix.RTM_DELLINK, bridge, eth0, "eth0", other, ""), nil},
		{"out of the bridge", linkNotice(unix.RTM_NEWLINK, link, eth0, "eth0", 0, ""), in("")},
		{"a virtual switch", linkNotice(unix.RTM_NEWLINK, link, eth0, "eth0", other, "openvswitch"), in("openvswitch uplink")},
	} {
		fed = nil
		w.take([]syscall.NetlinkMessage{step.notice})
		var want []vrrp.Link
		if step.want != nil {
			want = []vrrp.Link{*step.want}
		}
		if diff := cmp.Diff(want, fed, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// What rests on a port hears nothing either.
func TestWatchTellsTheMasterOfABase(t *testing.T) {
	var last vrrp.Link
	w := newWatch(func(ev vrrp.Event) { last = *ev.(*vrrp.Link) }, nil, func() {})
	w.view = newView()
	for _, info := range []linkInfo{{index: 2, name: "eth0", up: true}, {index: 3, name: "vrrp.51", up: true, parent: 2}, {index: 7, name: "br0"}} {
		w.view.putLink(info)
	}
	w.rest([]vmac{{name: "vrrp.51", base: "eth0"}})
	w.set([]string{"vrrp.51"})
	if last.Master != "" || !last.Up {
		t.Errorf("told %+v", last)
	}
	w.take([]syscall.NetlinkMessage{linkNotice(unix.RTM_NEWLINK, unix.AF_UNSPEC, 2, "eth0", 7, "bridge")})
	if last.Interface != "vrrp.51" || last.Master != "bridge br0" {
		t.Errorf("told %+v", last)
	}
}

// TestInterfacesByName: names move between interfaces, and notices of that come
// one by one.
func TestInterfacesByName(t *testing.T) {
	v := newView()
	is := func(name string, want int) {
		t.Helper()
		if _, got := v.link(name); got != want {
			t.Errorf("%s has index %d, want %d", name, got, want)
		}
	}
	v.putLink(linkInfo{index: 2, name: "a"})
	v.putLink(linkInfo{index: 3, name: "b"})
	v.putLink(linkInfo{index: 2, name: "c"})
	is("a", 0)
	is("c", 2)
	v.putLink(linkInfo{index: 3, name: "c"}) // seen before the first one is seen to go
	is("b", 0)
	v.removeLink(2)
	is("c", 3)
	v.removeLink(3)
	is("c", 0)
}
