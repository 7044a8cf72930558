package kernel

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// silentFor is longer than the kernel takes to say something by itself, with the
// intervals that the tests set.
const silentFor = 400 * time.Millisecond

// A backup sends no frame with a virtual MAC address, not when its interface
// comes up, not when a querier asks what groups it is in, and not when it has
// just ceased to be master: a switch would take it for news about the master's
// port (RFC 9568 §7.2). A master does, and so does the base interface with its
// own address, or a switch that snoops would keep adverts from a backup.
func TestRFC9568_7_2_ABackupIsSilent(t *testing.T) {
	if !namespaced(t) {
		return
	}
	for _, name := range []string{"ipv6/conf/default/mldv2_unsolicited_report_interval", "ipv4/conf/default/igmpv3_unsolicited_report_interval"} {
		must(t, writeSetting(name, "50"))
	}
	must(t, writeSetting("ipv6/conf/all/forwarding", "1")) // a member of all routers
	cable(t, "eth0", "peer", "192.0.2.1/24", "2001:db8::1/64")
	must(t, netlink.AddrAdd(device(t, "peer"), parseAddr(t, "192.0.2.2/24")))
	linkLocal(t, "eth0")
	four, six := vmacRouter(), vmacRouter()
	four.Delivery.Group = netip.MustParseAddr("239.1.1.1") // of which membership is reported
	six.ID.Family, six.VMAC.Name, six.Addresses = vrrp.IPv6, "vrrp6.1", addrs("fe80::100/64", "2001:db8::100/64")
	heard := ear(t, "peer", unix.ETH_P_ALL)
	h := open(t, t.TempDir())
	h.Claim([]vrrp.Config{four, six})
	for _, name := range []string{"vrrp.1", "vrrp6.1"} {
		await(t, "the interface "+name, func() bool {
			l, err := netlink.LinkByName(name)
			return err == nil && l.Attrs().OperState == netlink.OperUp
		})
	}
	must(t, h.Wire().Listen([]runner.Port{
		{Interface: "eth0", Family: vrrp.IPv4, Group: four.Delivery.Group, Carrier: "vrrp.1", VRID: 1},
		{Interface: "eth0", Family: vrrp.IPv6, Group: vrrp.GroupIPv6, Carrier: "vrrp6.1", VRID: 1},
	}))
	must(t, h.Links().Flush(patience))
	query(t, linkLocal(t, "peer"))
	own := device(t, "eth0").Attrs().HardwareAddr
	reported := func(from heardFrames) bool {
		return from.reports(own, vrrp.GroupIPv6) > 0 && from.reports(own, four.Delivery.Group) > 0
	}
	from := voices(t, heard, reported)
	if !reported(from) {
		t.Errorf("the base interface did not report the memberships: %v", from)
	}
	from.silent(t, "a backup", four.ID.MAC(), six.ID.MAC())

	hold := func(epoch uint64) {
		for _, c := range []vrrp.Config{four, six} {
			l := lease(epoch, 30, c.Addresses...)
			l.ID = c.ID
			h.Links().Hold(l)
		}
		must(t, h.Links().Flush(patience))
	}
	hold(1)
	mac := six.ID.MAC()
	reported = func(from heardFrames) bool { return from.reports(mac[:], netip.MustParseAddr("ff02::1:ff00:100")) > 0 }
	if from := voices(t, heard, reported); !reported(from) {
		t.Errorf("a master did not report the group that it is asked by: %v", from)
	}
	// Somebody removes the interfaces: the new ones have a voice, too.
	for _, name := range []string{"vrrp.1", "vrrp6.1"} {
		before := device(t, name)
		must(t, netlink.LinkDel(before))
		await(t, name+" again", func() bool {
			l, err := netlink.LinkByName(name)
			return err == nil && l.Attrs().Index != before.Attrs().Index && l.Attrs().OperState == netlink.OperUp
		})
	}
	hold(2)
	for _, name := range []string{"vrrp.1", "vrrp6.1"} {
		if g := device(t, name).Attrs().Group; g == mutedGroup {
			t.Errorf("a master's new %s is silent", name)
		}
	}

	for _, c := range []vrrp.Config{four, six} {
		h.Links().Release(&vrrp.Release{ID: c.ID, Addresses: c.Addresses, Epoch: 3})
	}
	must(t, h.Links().Flush(patience))
	drop(t, heard)
	query(t, linkLocal(t, "peer"))
	voices(t, heard).silent(t, "a backup that was master", four.ID.MAC(), six.ID.MAC())
	must(t, h.Close())
}

// query asks everybody behind peer for memberships, as a router does that wants
// to know (RFC 3376 §4.1, RFC 3810 §5.1).
func query(t *testing.T, src netip.Addr) {
	t.Helper()
	ifi, err := net.InterfaceByName("peer")
	must(t, err)
	c, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
	must(t, err)
	defer c.Close()
	frame := func(to, kind string, parts ...[]byte) {
		head, err := hex.DecodeString(to + hex.EncodeToString(ifi.HardwareAddr) + kind)
		must(t, err)
		_, err = c.WriteTo(append(head, bytes.Join(parts, nil)...), &packet.Addr{HardwareAddr: head[:6]})
		must(t, err)
	}
	octets := func(s string) []byte {
		b, err := hex.DecodeString(s)
		must(t, err)
		return b
	}
	// Answers are wanted within a tenth of a second.
	igmp := summed(octets("110100000000000002000000"), nil, 2)
	ip := summed(octets("46c0002400000000010200"+"00"+"c0000202"+"e0000001"+"94040000"), nil, 10)
	frame("01005e000001", "0800", ip, igmp)
	dst := netip.MustParseAddr("ff02::1")
	mld := octets("82000000" + "00640000" + "00000000000000000000000000000000" + "02000000")
	pseudo := bytes.Join([][]byte{src.AsSlice(), dst.AsSlice(), octets("0000001c0000003a")}, nil)
	routerAlert := octets("3a00050200000100")
	frame("333300000001", "86dd", octets("6000000000240001"), src.AsSlice(), dst.AsSlice(), routerAlert, summed(mld, pseudo, 2))
}

// summed puts the checksum of a packet and what counts besides where it belongs
// (RFC 1071).
func summed(b, besides []byte, at int) []byte {
	var sum uint32
	for all := append(bytes.Clone(besides), b...); len(all) > 1; all = all[2:] {
		sum += uint32(binary.BigEndian.Uint16(all))
	}
	binary.BigEndian.PutUint16(b[at:], ^uint16(sum>>16+sum&0xffff))
	return b
}

// heardFrames are frames in the order they came.
type heardFrames [][]byte

// voices returns what is heard in a while, and on until what is awaited was.
func voices(t *testing.T, c *packet.Conn, awaited ...func(heardFrames) bool) (all heardFrames) {
	t.Helper()
	lacks := func(is func(heardFrames) bool) bool { return !is(all) }
	for end := time.Now().Add(patience); ; {
		must(t, c.SetReadDeadline(time.Now().Add(silentFor)))
		for b := make([]byte, 2048); ; {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				break
			}
			all = append(all, bytes.Clone(b[:n]))
		}
		if !slices.ContainsFunc(awaited, lacks) || time.Now().After(end) {
			return all
		}
	}
}

// drop forgets what was heard already.
func drop(t *testing.T, c *packet.Conn) {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
	for b := make([]byte, 2048); ; {
		if _, _, err := c.ReadFrom(b); err != nil {
			return
		}
	}
}

// silent fails the test for every frame from one of the addresses.
func (all heardFrames) silent(t *testing.T, who string, macs ...[6]byte) {
	t.Helper()
	for _, b := range all {
		for _, mac := range macs {
			if bytes.Equal(b[6:12], mac[:]) {
				t.Errorf("%s sent a frame with %x: %x", who, mac, b)
			}
		}
	}
}

// reports counts the frames from a MAC address that go to the routers or
// switches that want to know of memberships, and name a group.
func (all heardFrames) reports(mac []byte, group netip.Addr) (n int) {
	for _, b := range all {
		toRouters := bytes.Equal(b[:6], []byte{0x33, 0x33, 0, 0, 0, 0x16}) || bytes.Equal(b[:6], []byte{1, 0, 0x5e, 0, 0, 0x16})
		if toRouters && bytes.Equal(b[6:12], mac) && bytes.Contains(b[14:], group.AsSlice()) {
			n++
		}
	}
	return n
}

// Only the virtual MAC address answers for the addresses, and only while the
// router is master (RFC 9568 §8.1.2, §8.2.2).
func TestRFC9568_8_1_2_VMACAnswers(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24", "2001:db8::1/64")
	linkLocal(t, "eth0")
	four, six := vmacRouter(), vmacRouter()
	six.ID.Family, six.VMAC.Name, six.Addresses = vrrp.IPv6, "vrrp6.1", addrs("2001:db8::100/64")
	h := open(t, t.TempDir())
	h.Claim([]vrrp.Config{four, six})
	for _, name := range []string{"vrrp.1", "vrrp6.1"} {
		await(t, "the interface "+name, func() bool {
			l, err := netlink.LinkByName(name)
			return err == nil && l.Attrs().OperState == netlink.OperUp
		})
	}
	peer := device(t, "peer").Attrs()
	heard := ear(t, "peer", unix.ETH_P_ALL)
	arps, err := packet.Listen(&net.Interface{Index: peer.Index, Name: "peer"}, packet.Datagram, unix.ETH_P_ARP, nil)
	must(t, err)
	defer arps.Close()
	question, err := arp.NewPacket(arp.OperationRequest, peer.HardwareAddr, vip(2).Addr(), make(net.HardwareAddr, 6), vip(100).Addr())
	must(t, err)
	asked, err := question.MarshalBinary()
	must(t, err)
	ndp6, err := listenNeighbours(net.Interface{Index: peer.Index, Name: "peer", HardwareAddr: peer.HardwareAddr})
	must(t, err)
	defer ndp6.Close()
	solicitation, err := ndp.MarshalMessage(&ndp.NeighborSolicitation{
		TargetAddress: vipSix.Addr(), Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: peer.HardwareAddr}},
	})
	must(t, err)
	linkLocal(t, "peer")
	// told are the hardware addresses, outside and inside, of all answers.
	told := func(frames heardFrames) (four, six []string) {
		const ethernet = 14
		for _, b := range frames {
			var p arp.Packet
			outside := net.HardwareAddr(b[6:12]).String()
			if b[12] == 8 && b[13] == 6 && p.UnmarshalBinary(b[ethernet:]) == nil && p.Operation == arp.OperationReply && p.SenderIP == vip(100).Addr() {
				four = append(four, outside, p.SenderHardwareAddr.String())
			}
			if a, inside, ok := advertisement(b[ethernet:]); ok && a.TargetAddress == vipSix.Addr() && a.Solicited {
				six = append(six, outside, inside.String())
			}
		}
		return four, six
	}
	answers := func(awaited ...func(heardFrames) bool) (four, six []string) {
		drop(t, heard)
		_, err := arps.WriteTo(asked, &packet.Addr{HardwareAddr: broadcast})
		must(t, err)
		to := &net.IPAddr{IP: net.ParseIP("ff02::1:ff00:100"), Zone: "peer"}
		_, err = ndp6.WriteTo(solicitation, &ipv6.ControlMessage{IfIndex: peer.Index, HopLimit: ndHopLimit}, to)
		must(t, err)
		return told(voices(t, heard, awaited...))
	}
	if a, b := answers(); len(a)+len(b) > 0 {
		t.Errorf("a backup answered: %v, %v", a, b)
	}
	for _, c := range []vrrp.Config{four, six} {
		l := lease(1, 30, c.Addresses...)
		l.ID = c.ID
		h.Links().Hold(l)
	}
	must(t, h.Links().Flush(patience))
	gotFour, gotSix := answers(func(from heardFrames) bool {
		a, b := told(from)
		return len(a) > 0 && len(b) > 0
	})
	if diff := cmp.Diff([]string{"00:00:5e:00:01:01", "00:00:5e:00:01:01"}, gotFour); diff != "" {
		t.Errorf("IPv4 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"00:00:5e:00:02:01", "00:00:5e:00:02:01"}, gotSix); diff != "" {
		t.Errorf("IPv6 (-want +got):\n%s", diff)
	}

	successorIsNotAnswered(t, heard, four.ID.MAC())
	must(t, h.Close())
}

// A successor with the same MAC address announces itself by asking for the
// address: an answer would send the switch's traffic back to here.
func successorIsNotAnswered(t *testing.T, heard *packet.Conn, mac [6]byte) {
	t.Helper()
	drop(t, heard)
	announced, err := gratuitousARP(mac[:], vip(100).Addr())
	must(t, err)
	raw, err := packet.Listen(&net.Interface{Index: device(t, "peer").Attrs().Index, Name: "peer"}, packet.Raw, unix.ETH_P_ARP, nil)
	must(t, err)
	defer raw.Close()
	_, err = raw.WriteTo(slices.Concat(broadcast, mac[:], []byte{8, 6}, announced), &packet.Addr{HardwareAddr: broadcast})
	must(t, err)
	for _, b := range voices(t, heard) {
		// The announcement itself is heard, too.
		if bytes.Equal(b[6:12], mac[:]) && !bytes.Equal(b[:6], broadcast) {
			t.Errorf("a master answered its successor: %x", b)
		}
	}
}
