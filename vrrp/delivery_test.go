package vrrp_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/vrrp"
)

// peers makes a router send to the addresses instead of the group.
func peers(words ...string) func(*vrrp.Config) {
	return func(c *vrrp.Config) {
		for _, w := range words {
			c.Delivery.Peers = append(c.Delivery.Peers, vrrp.Peer{Address: netip.MustParseAddr(w)})
		}
	}
}

func checkSource(c *vrrp.Config) { c.Delivery.CheckSource = true }

// sent returns where the adverts of the last step went, and fails unless each
// is whole and has the checksum of its way.
func (g *rig) sent() (to []string) {
	g.t.Helper()
	for _, a := range g.out.Actions {
		s, ok := a.(*vrrp.SendAdvert)
		if !ok {
			continue
		}
		if _, why := vrrp.Decode(s.Payload, vrrp.Path{Family: s.ID.Family, Src: s.Src, Dst: s.Dst}); why != "" {
			g.t.Errorf("advert from %s to %s: %s", s.Src, s.Dst, why)
		}
		to = append(to, s.Dst.String())
		if s.TTL != 255 {
			g.t.Errorf("TTL %d to %s", s.TTL, s.Dst)
		}
	}
	return to
}

// TestRFC9568_5_1_2_Destinations: IPv6 adverts come from the link-local
// address and go to ff02::12 with the link-local virtual address first.
func TestRFC9568_5_1_2_Destinations(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(ipv6))
	g.wait(time.Second)
	a := g.out.Actions[0].(*vrrp.SendAdvert)
	if a.Src != ours6 || a.Dst != vrrp.GroupIPv6 || a.TTL != 255 {
		t.Errorf("from %s to %s with hop limit %d", a.Src, a.Dst, a.TTL)
	}
	got, why := vrrp.Decode(a.Payload, vrrp.Path{Family: vrrp.IPv6, Src: a.Src, Dst: a.Dst})
	want := []netip.Addr{netip.MustParseAddr("fe80::100"), netip.MustParseAddr("2001:db8::100")}
	if diff := cmp.Diff(want, got.Addresses(vrrp.IPv6), cmpopts.EquateComparable(netip.Addr{})); diff != "" || why != "" {
		t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

// TestRFC9568_1_2_FamiliesAreApart: the VRID of one family says nothing about
// the same number of the other.
func TestRFC9568_1_2_FamiliesAreApart(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings(), settings(ipv6))
	g.advert(higher, 200)
	s := g.e.Status()
	if !s[0].Master.IsValid() || s[1].Master.IsValid() {
		t.Errorf("masters %v and %v", s[0].Master, s[1].Master)
	}
}

// TestRFC9568_6_4_3_IPv6TieBreak: link-local addresses decide.
func TestRFC9568_6_4_3_IPv6TieBreak(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(ipv6))
	g.advert(lower6, 100)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	g.advert(higher6, 100)
	g.inState(vrrp.StateBackup, vrrp.ReasonTieBreak)
}

// TestRFC9568_6_1_NoLinkLocalIsAFault: an IPv6 router waits for the
// interface's link-local address, the IPv4 one beside it does not.
func TestRFC9568_6_1_NoLinkLocalIsAFault(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings(ipv6), settings())
	link := linkUp("eth0")
	link.LinkLocal = netip.Addr{}
	g.step(link)
	g.inState(vrrp.StateFault, vrrp.ReasonNoAddress)
	if s := g.e.Status()[1].State; s != vrrp.StateBackup {
		t.Errorf("the IPv4 router is %v", s)
	}
	g.step(linkUp("eth0"))
	g.inState(vrrp.StateBackup, vrrp.ReasonInterfaceUp)
}

// TestKeepalived_IPv6ListWithoutLinkLocal: erratum 8300 of RFC 9568 would
// reject a list that does not begin with a link-local address. keepalived
// sends and accepts them, so it is accepted, and remarked on once.
func TestKeepalived_IPv6ListWithoutLinkLocal(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings(ipv6, addresses("2001:db8::100/64")))
	g.advert(higher6, 200)
	g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
	g.timer(fullDown)
	g.seen()
	g = newRig(t, settings(ipv6, addresses("2001:db8::100/64")))
	g.advert(higher6, 200)
	g.advert(higher6, 200)
	g.seen("report link_local_not_first peer fe80::3 (the first address is not link-local)", "release 2001:db8::100/64", "report peer_heard peer fe80::3")
}

// TestUnicastSendsToEachPeer: every advert goes to every peer, priority 0
// twice.
func TestUnicastSendsToEachPeer(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*vrrp.Config){
		"IPv4": peers("192.0.2.1", "192.0.2.3"),
		"IPv6": func(c *vrrp.Config) { ipv6(c); peers("fe80::1", "2001:db8::3")(c) },
	} {
		g := newMaster(t, settings(edit))
		peers := g.e.Status()[0].Family
		g.wait(time.Second)
		want := []string{"192.0.2.1", "192.0.2.3"}
		if peers == "ipv6" {
			want = []string{"fe80::1", "2001:db8::3"}
		}
		if diff := cmp.Diff(want, g.sent()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		g.step(&vrrp.Stop{})
		if diff := cmp.Diff(append(want, want...), g.sent()); diff != "" {
			t.Errorf("%s, stop (-want +got):\n%s", name, diff)
		}
		if c := g.status().Counters; c.ZeroSent != 2 {
			t.Errorf("%s: counted %d adverts of priority 0", name, c.ZeroSent)
		}
	}
}

// TestUnicastValidation: which packets a router with peers takes, and which a
// router without.
func TestUnicastValidation(t *testing.T) {
	t.Parallel()
	unicast := func(p *vrrp.Received) { p.Dst = ours }
	ttl := func(n uint8) func(*vrrp.Received) { return func(p *vrrp.Received) { p.TTL = n } }
	src := func(s string) func(*vrrp.Received) {
		return func(p *vrrp.Received) { p.Src = netip.MustParseAddr(s) }
	}
	bounds := func(c *vrrp.Config) { c.Delivery.Peers[0].MinTTL, c.Delivery.Peers[0].MaxTTL = 250, 254 }
	for _, tt := range []struct {
		name   string
		config []func(*vrrp.Config)
		packet []func(*vrrp.Received)
		want   vrrp.DropReason
	}{
		{"to the group, has peers", []func(*vrrp.Config){peers("192.0.2.3")}, nil, vrrp.DropDestination},
		{"to us, has none", nil, []func(*vrrp.Received){unicast}, vrrp.DropDestination},
		{"to us, has peers", []func(*vrrp.Config){peers("192.0.2.3")}, []func(*vrrp.Received){unicast}, ""},
		{"forwarded", []func(*vrrp.Config){peers("192.0.2.3")}, []func(*vrrp.Received){unicast, ttl(64)}, ""},
		{"from a stranger", []func(*vrrp.Config){peers("192.0.2.3")}, []func(*vrrp.Received){unicast, src("198.51.100.7")}, ""},
		{"from a stranger, checked", []func(*vrrp.Config){peers("192.0.2.3"), checkSource}, []func(*vrrp.Received){unicast, src("198.51.100.7")}, vrrp.DropUnknownPeer},
		{"from a peer, checked", []func(*vrrp.Config){peers("192.0.2.3"), checkSource}, []func(*vrrp.Received){unicast, ttl(1)}, ""},
		{"too far", []func(*vrrp.Config){peers("192.0.2.3"), checkSource, bounds}, []func(*vrrp.Received){unicast, ttl(249)}, vrrp.DropTTL},
		{"far enough", []func(*vrrp.Config){peers("192.0.2.3"), checkSource, bounds}, []func(*vrrp.Received){unicast, ttl(250)}, ""},
		{"too near", []func(*vrrp.Config){peers("192.0.2.3"), checkSource, bounds}, []func(*vrrp.Received){unicast, ttl(255)}, vrrp.DropTTL},
	} {
		g := newRig(t, settings(tt.config...))
		g.packet(higher, func(p *vrrp.Received) {
			for _, edit := range tt.packet {
				edit(p)
			}
			a := vrrp.Advert{Version: 3, VRID: 51, Priority: 200, Interval: time.Second, List: vrrp.AppendList(nil, prefixes("192.0.2.100/24"))}
			p.Payload = vrrp.Encode(nil, &a, vrrp.Path{Family: p.Family, Src: p.Src, Dst: p.Dst}, vrrp.ChecksumPseudo)
		})
		var got vrrp.DropReason
		if d, ok := g.out.Actions[0].(*vrrp.Drop); ok {
			got = d.Reason
		}
		if got != tt.want {
			t.Errorf("%s: dropped for %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestSourceAndGroup: both can be replaced; the source decides ties.
func TestSourceAndGroup(t *testing.T) {
	t.Parallel()
	source, elsewhere := netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("239.1.2.3")
	g := newMaster(t, settings(func(c *vrrp.Config) { c.Delivery.Source, c.Delivery.Group = source, elsewhere }))
	g.wait(time.Second)
	a := g.out.Actions[0].(*vrrp.SendAdvert)
	if a.Src != source || a.Dst != elsewhere {
		t.Errorf("from %s to %s", a.Src, a.Dst)
	}
	g.log = nil
	g.advert(higher, 200) // to the usual group
	g.seen("drop destination from 192.0.2.3 ALARM")
	g.advert(source, 100) // our own
	link := linkUp("eth0")
	link.Primary = netip.Addr{}
	g.step(link)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	if got := g.status().Counters.Dropped[vrrp.DropOwnSource]; got != 1 {
		t.Errorf("own adverts dropped: %d", got)
	}
}

// TestKeepalived_Q29_DuplicateAddress: another router sends from our address.
// It changes nothing, as in keepalived, but it is reported.
func TestKeepalived_Q29_DuplicateAddress(t *testing.T) {
	t.Parallel()
	const report = "report duplicate_address peer 192.0.2.2 (another router sends from our address)"
	g := newBackup(t, settings())
	g.advert(ours, 150)
	g.advert(ours, 150)
	g.seen("drop own_source from 192.0.2.2", report, "drop own_source from 192.0.2.2")
	g = newMaster(t, settings())
	g.advert(ours, 100) // looped back by a switch, it may be ours
	g.advert(ours, 150)
	g.seen("drop own_source from 192.0.2.2", "drop own_source from 192.0.2.2", report)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// TestKeepalived_Q2_OldUnicastChecksum: keepalived up to 1.3.6 computes the
// checksum of adverts to peers as if they went to the group. They are
// accepted, and change nothing in what we send.
func TestKeepalived_Q2_OldUnicastChecksum(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings(peers("192.0.2.3")))
	a := vrrp.Advert{Version: 3, VRID: 51, Priority: 200, Interval: time.Second, List: vrrp.AppendList(nil, prefixes("192.0.2.100/24"))}
	old := vrrp.Encode(nil, &a, vrrp.Path{Family: vrrp.IPv4, Src: higher, Dst: group}, vrrp.ChecksumPseudo)
	g.packet(higher, func(p *vrrp.Received) { p.Dst, p.Payload = ours, old })
	if s := g.status(); s.Master != higher {
		t.Errorf("dropped %v", s.Counters.Dropped)
	}
	old[7] ^= 1
	g.packet(higher, func(p *vrrp.Received) { p.Dst, p.Payload = ours, old })
	if n := g.status().Counters.Dropped[vrrp.DropChecksum]; n != 1 {
		t.Errorf("dropped %d for a bad checksum", n)
	}
	for g.status().State != vrrp.StateMaster {
		g.tick()
	}
	g.sent() // fails on a checksum that is not that of the way
}

// TestKeepalived_UnicastFaultNoPeer: without a peer the router is at fault
// instead of speaking to the group.
func TestKeepalived_UnicastFaultNoPeer(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings(func(c *vrrp.Config) { c.Delivery.NeedPeers = true }))
	g.inState(vrrp.StateFault, vrrp.ReasonNoPeers)
	g.step(configure(settings(func(c *vrrp.Config) {
		c.Delivery.NeedPeers, c.Delivery.Peers = true, []vrrp.Peer{{Address: lower}}
	})))
	g.inState(vrrp.StateBackup, vrrp.ReasonInterfaceUp)
}
