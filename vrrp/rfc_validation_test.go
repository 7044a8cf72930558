package vrrp_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/vrrp"
)

// fault is one way to spoil a good packet, with the reason it must be dropped
// for. The order is the order of the checks.
type fault struct {
	reason  vrrp.DropReason
	version uint8 // 0 = both
	apply   func(*vrrp.Received, *vrrp.Advert)
	// raw spoils the encoded message.
	raw func([]byte) []byte
	// resum is set when the checksum must be right after raw.
	resum bool
}

var faults = []fault{
	{reason: vrrp.DropTTL, apply: func(p *vrrp.Received, _ *vrrp.Advert) { p.TTL = 254 }},
	{reason: vrrp.DropVersion, raw: func(b []byte) []byte { b[0] = 4<<4 | b[0]&15; return b }, resum: true},
	{reason: vrrp.DropType, raw: func(b []byte) []byte { b[0] = b[0]&0xf0 | 2; return b }, resum: true},
	{reason: vrrp.DropLength, raw: func(b []byte) []byte { return b[:len(b)-1] }},
	{reason: vrrp.DropChecksum, raw: func(b []byte) []byte { b[6] ^= 0x40; return b }},
	{reason: vrrp.DropUnknownVRID, apply: func(_ *vrrp.Received, a *vrrp.Advert) { a.VRID = 77 }},
	{reason: vrrp.DropOwnSource, apply: func(p *vrrp.Received, _ *vrrp.Advert) { p.Src = ours }},
	{reason: vrrp.DropDestination, apply: func(p *vrrp.Received, _ *vrrp.Advert) { p.Dst = ours }},
	{reason: vrrp.DropAuthType, version: 2, apply: func(_ *vrrp.Received, a *vrrp.Advert) { a.AuthType = 1 }},
	{reason: vrrp.DropCount, version: 3, apply: func(_ *vrrp.Received, a *vrrp.Advert) { a.List = nil }},
	{reason: vrrp.DropIntervalZero, version: 3, apply: func(_ *vrrp.Received, a *vrrp.Advert) { a.Interval = 0 }},
	{reason: vrrp.DropInterval, version: 2, apply: func(_ *vrrp.Received, a *vrrp.Advert) { a.Interval = 2 * time.Second }},
	{reason: vrrp.DropVRIDClash, apply: func(_ *vrrp.Received, a *vrrp.Advert) {
		if len(a.List) > 0 {
			a.List = vrrp.AppendList(nil, prefixes("198.51.100.1/24"))
		}
	}},
	{reason: vrrp.DropNotMaster, apply: func(_ *vrrp.Received, a *vrrp.Advert) { a.Priority = 0 }},
}

// spoil builds a packet from lower with all given faults at once.
func spoil(version uint8, with []fault) *vrrp.Received {
	p := &vrrp.Received{Interface: "eth0", Family: vrrp.IPv4, Src: lower, Dst: group, TTL: 255}
	a := &vrrp.Advert{
		Version: version, VRID: 51, Priority: 150, Interval: time.Second,
		List: vrrp.AppendList(nil, prefixes("192.0.2.100/24")),
	}
	for _, f := range with {
		if f.apply != nil {
			f.apply(p, a)
		}
	}
	path := vrrp.Path{Family: vrrp.IPv4, Src: p.Src, Dst: p.Dst}
	p.Payload = vrrp.Encode(nil, a, path, vrrp.ChecksumPlain)
	for _, f := range with {
		if f.raw == nil {
			continue
		}
		before := uint16(p.Payload[0])
		p.Payload = f.raw(p.Payload)
		if f.resum {
			patchChecksum(p.Payload, before<<8, uint16(p.Payload[0])<<8)
		}
	}
	return p
}

// patchChecksum corrects a checksum for a changed word (RFC 1624).
func patchChecksum(b []byte, was, is uint16) {
	sum := uint32(^(uint16(b[6])<<8|uint16(b[7])))&0xffff + uint32(^was) + uint32(is)
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	b[6], b[7] = byte(^uint16(sum)>>8), byte(^uint16(sum))
}

// validationRig is a backup that obeys higher, of the given version.
func validationRig(t *testing.T, version uint8) *rig {
	t.Helper()
	return newBackup(t, settings(func(c *vrrp.Config) { c.Version = version }))
}

// TestRFC9568_7_1_EachCheck rejects every single fault for its own reason, and
// the good packet for none.
func TestRFC9568_7_1_EachCheck(t *testing.T) {
	t.Parallel()
	for _, version := range []uint8{2, 3} {
		g := validationRig(t, version)
		g.step(spoil(version, nil))
		if n := len(g.status().Counters.Dropped); n != 0 {
			t.Fatalf("version %d: the good packet was dropped", version)
		}
		for _, f := range faults {
			if f.version != 0 && f.version != version {
				continue
			}
			g := validationRig(t, version)
			g.step(spoil(version, []fault{f}))
			if got := droppedFor(t, g); got != f.reason {
				t.Errorf("version %d: dropped for %q, want %q", version, got, f.reason)
			}
		}
	}
}

// droppedFor returns the reason of the only Drop, which comes first and with
// nothing but remarks after it, and checks that exactly one counter says the
// same.
func droppedFor(t *testing.T, g *rig) vrrp.DropReason {
	t.Helper()
	for i, a := range g.out.Actions {
		_, isDrop := a.(*vrrp.Drop)
		if _, isReport := a.(*vrrp.Report); isDrop != (i == 0) || !isDrop && !isReport {
			t.Fatalf("actions %v, want one drop", g.out.Actions)
		}
	}
	if len(g.out.Actions) == 0 {
		t.Fatal("nothing was dropped")
	}
	d := g.out.Actions[0].(*vrrp.Drop)
	counted := g.status().Counters.Dropped
	if d.Reason == vrrp.DropUnknownVRID {
		counted = g.e.InterfaceDrops()[0].Dropped
	}
	if len(counted) != 1 || counted[d.Reason] != 1 {
		t.Errorf("counted %v for %q", counted, d.Reason)
	}
	return d.Reason
}

// TestRFC9568_7_1_Order: of two faults the one checked first is the reason.
func TestRFC9568_7_1_Order(t *testing.T) {
	t.Parallel()
	for _, version := range []uint8{2, 3} {
		for i, first := range faults {
			for _, second := range faults[i+1:] {
				if first.version+second.version != 0 && first.version != 0 && first.version != version ||
					second.version != 0 && second.version != version {
					continue
				}
				if first.raw != nil && second.raw != nil {
					continue // both rewrite the same bytes
				}
				if first.reason == vrrp.DropCount && second.reason == vrrp.DropVRIDClash {
					continue // an empty list is disjoint as well
				}
				g := validationRig(t, version)
				g.step(spoil(version, []fault{first, second}))
				d := g.out.Actions[0].(*vrrp.Drop)
				if d.Reason != first.reason {
					t.Errorf("version %d, %s and %s: dropped for %q", version, first.reason, second.reason, d.Reason)
				}
			}
		}
	}
}

// TestSafety_3_1_KeepalivedQ3_RejectedPacketTouchesNothing: keepalived postpones its own
// advert for any packet with its VRID. Here a flood of rejected packets leaves
// cadence, timers and state of master and backup as they are.
func TestSafety_3_1_KeepalivedQ3_RejectedPacketTouchesNothing(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		version := max(f.version, 2)
		for _, role := range []string{"master", "backup"} {
			if role == "master" && f.reason == vrrp.DropNotMaster {
				continue // a master answers a resignation (RFC 9568 §6.4.3)
			}
			t.Run(fmt.Sprintf("%s/%s", f.reason, role), func(t *testing.T) {
				run := func(flood bool) vrrp.RouterStatus {
					var g *rig
					if role == "master" {
						g = newMaster(t, settings(func(c *vrrp.Config) { c.Version = version }))
					} else {
						g = validationRig(t, version)
					}
					for i := 0; i < 20; i++ {
						g.wait(97 * time.Millisecond)
						if flood {
							g.step(spoil(version, []fault{f}))
						}
					}
					return g.status()
				}
				calm, flooded := run(false), run(true)
				if f.reason != vrrp.DropUnknownVRID && flooded.Counters.Dropped[f.reason] != 20 {
					t.Fatalf("dropped %v", flooded.Counters.Dropped)
				}
				if flooded.State != calm.State || flooded.Deadline != calm.Deadline ||
					flooded.Counters.AdvertsSent != calm.Counters.AdvertsSent ||
					flooded.Counters.AdvertsReceived != calm.Counters.AdvertsReceived || flooded.Master != calm.Master {
					t.Errorf("flooded %+v\ncalm %+v", flooded, calm)
				}
			})
		}
	}
}

// TestRFC9568_7_1_Garbage: whatever arrives, the engine survives it and
// nothing is touched unless it was accepted.
func TestRFC9568_7_1_Garbage(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	rapid.Check(t, func(rt *rapid.T) {
		before := g.status()
		g.packet(lower, func(p *vrrp.Received) { p.Payload = rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(rt, "payload") })
		after := g.status()
		if after.Counters.AdvertsReceived == before.Counters.AdvertsReceived && after.Deadline != before.Deadline {
			rt.Fatal("a dropped packet moved the timer")
		}
	})
}

// TestRFC9568_7_1_AddressList: different but overlapping is accepted and told
// once; any order is the same list; disjoint is another cluster.
func TestRFC9568_7_1_AddressList(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		list []netip.Prefix
		want []string
	}{
		{"same", prefixes("192.0.2.100/24", "192.0.2.101/24"), nil},
		{"other order", prefixes("192.0.2.101/24", "192.0.2.100/24"), nil},
		{"one missing", prefixes("192.0.2.101/24"), []string{"report address_list peer 192.0.2.3 (virtual addresses differ from ours)"}},
		{"one more", prefixes("192.0.2.101/24", "192.0.2.100/24", "192.0.2.7/24"), []string{"report address_list peer 192.0.2.3 (virtual addresses differ from ours)"}},
		{"disjoint", prefixes("192.0.2.7/24"), []string{"drop vrid_clash from 192.0.2.3", "drop vrid_clash from 192.0.2.3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newBackup(t, settings(addresses("192.0.2.100/24", "192.0.2.101/24")))
			for range 2 {
				g.advert(higher, 200, func(a *vrrp.Advert) { a.List = vrrp.AppendList(nil, tt.list) })
			}
			g.seen(tt.want...)
		})
	}
}

// TestOwnSourceOnAnyInterface: an echo through a second interface on the same
// segment is still ours.
func TestOwnSourceOnAnyInterface(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	other := linkUp("eth1")
	other.Primary = netip.MustParseAddr("192.0.2.77")
	g.step(other)
	g.advert(other.Primary, 200)
	g.seen("drop own_source from 192.0.2.77")
}

// TestOwnLinkLocalElsewhere: another router may have, on this link, the link-local
// address that we have on another one. On the same link it is ours.
func TestOwnLinkLocalElsewhere(t *testing.T) {
	t.Parallel()
	one, two := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")
	g := newBackup(t, settings(ipv6, addresses("fe80::100/64")))
	here, other := linkUp("eth0"), linkUp("eth1")
	here.LinkLocal, other.LinkLocal = one, two
	g.step(here)
	g.step(other)
	g.log = nil
	g.advert(two, 200)
	g.seen()
	g.advert(one, 200)
	g.seen("drop own_source from fe80::1", "report duplicate_address peer fe80::1 (another router sends from our address)")
}

// TestSourcesOfForgottenInterfaces: the address of an interface that is used no
// more may be another router's by now.
func TestSourcesOfForgottenInterfaces(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	tracked := settings()
	tracked.Tracks = []vrrp.Track{{ID: vrrp.TrackID{Kind: vrrp.TrackInterface, Name: "eth1"}}}
	other := linkUp("eth1")
	other.Primary = higher
	g.step(configure(tracked))
	g.step(other)
	g.log = nil
	g.advert(higher, 200)
	g.seen("drop own_source from 192.0.2.3")
	g.step(configure(settings()))
	g.log = nil
	g.advert(higher, 200)
	g.seen()
}

// TestSafety_3_1_Alarm: a rejected advert of our VRID while we are master, or just before
// we become it, may mean two masters.
func TestSafety_3_1_Alarm(t *testing.T) {
	t.Parallel()
	clash := func(a *vrrp.Advert) { a.List = vrrp.AppendList(nil, prefixes("198.51.100.1/24")) }
	g := newBackup(t, settings())
	g.advert(lower, 150, clash)
	g.seen("drop vrid_clash from 192.0.2.1")
	g.wait(g.deadline() - time.Second - 1)
	g.advert(lower, 150, clash)
	g.seen("drop vrid_clash from 192.0.2.1")
	g.wait(1)
	g.advert(lower, 150, clash)
	g.seen("drop vrid_clash from 192.0.2.1 ALARM")
	g.tick()
	g.log = nil
	g.advert(lower, 150, clash)
	g.advert(ours, 100)
	g.seen("drop vrid_clash from 192.0.2.1 ALARM", "drop own_source from 192.0.2.2")

	g = newMaster(t, settings(version2))
	g.advert(lower, 150, func(a *vrrp.Advert) { a.Interval = 2 * time.Second })
	g.packet(lower, func(p *vrrp.Received) { p.TTL, p.Payload = 1, []byte{0x21, 51} })
	g.seen("drop interval from 192.0.2.1 ALARM", "drop ttl from 192.0.2.1 ALARM")
}

// TestRFC9568_5_2_6_ReservedIgnored: the nibble before the interval.
func TestRFC9568_5_2_6_ReservedIgnored(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.packet(higher, func(p *vrrp.Received) {
		a := vrrp.Advert{Version: 3, VRID: 51, Priority: 200, Interval: time.Second, List: vrrp.AppendList(nil, prefixes("192.0.2.100/24"))}
		p.Payload = vrrp.Encode(nil, &a, vrrp.Path{Family: vrrp.IPv4, Src: p.Src, Dst: p.Dst}, vrrp.ChecksumPlain)
		was := uint16(p.Payload[4])<<8 | uint16(p.Payload[5])
		p.Payload[4] |= 0xf0
		patchChecksum(p.Payload, was, uint16(p.Payload[4])<<8|uint16(p.Payload[5]))
	})
	g.seen()
	if got := g.status().MasterInterval; got != time.Second {
		t.Errorf("learned %v", got)
	}
}

// TestRFC9568_5_2_8_BothFormsAccepted: both are accepted, each in its own counter.
func TestRFC9568_5_2_8_BothFormsAccepted(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	pseudo := g.status().Counters.ChecksumPseudo
	g.step(spoil(3, nil))
	c := g.status().Counters
	if c.ChecksumPlain != 1 || c.ChecksumPseudo != pseudo || pseudo == 0 {
		t.Errorf("pseudo %d, plain %d", c.ChecksumPseudo, c.ChecksumPlain)
	}
}

// Another cluster with our VRID neither deposes a master, nor ends its
// hand-over, nor keeps a backup from taking over.
func TestSafety_3_2_ClashIsNoSuccessor(t *testing.T) {
	t.Parallel()
	clash := func(g *rig) {
		g.advert(higher, 200, func(a *vrrp.Advert) { a.List = vrrp.AppendList(nil, prefixes("198.51.100.1/24")) })
	}
	g := newMaster(t, settings())
	clash(g)
	g.seen("drop vrid_clash from 192.0.2.3 ALARM")

	g = newLeaving(t)
	g.log = nil
	clash(g)
	g.seen("drop vrid_clash from 192.0.2.3 ALARM")
	g.wait(successorGrace)
	if !g.out.Leaving {
		t.Error("it handed over to another cluster")
	}

	g = newBackup(t, settings())
	clash(g)
	g.timer(fullDown)
}
