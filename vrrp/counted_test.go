package vrrp_test

import (
	"slices"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestSafety_5_6_NumbersCountOn: a process that speaks for a dead one, or goes on
// in its place, counts on from its last number, also when that is ahead of the
// clock. A peer takes its good-bye for a repetition otherwise.
func TestSafety_5_6_NumbersCountOn(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]func(*vrrp.Config){
		"authentication header": authHeader("k"),
		"signature":             signed(),
		"signature, monotonic":  signed(monotonic),
	} {
		t.Run(name, func(t *testing.T) {
			c := settings(auth, priority(150))
			dead := newMaster(t, c)
			dead.step(&vrrp.Clock{Wall: epoch.Add(dead.now + 2*time.Second)})
			dead.wait(time.Second)
			last := adverts(dead)[0]
			// The clock was set back by less than a window since.
			wall := epoch.Add(dead.now)
			for _, told := range []bool{true, false} {
				peer := hearing(t, settings(auth), wall)
				peer.step(fromOurs(last))
				g := &rig{t: t, e: vrrp.NewEngine(), now: dead.now}
				g.step(&vrrp.Clock{Wall: wall})
				g.step(linkUp("eth0"))
				ev := configure(c)
				ev.Resume = map[vrrp.RouterID]bool{c.ID: true}
				if told {
					ev.Counted = map[vrrp.RouterID]uint64{c.ID: last.Sequence}
				}
				g.step(ev)
				g.step(&vrrp.Stop{})
				for _, a := range adverts(g) {
					peer.step(fromOurs(a))
				}
				if heard := peer.status().Counters.Dropped[vrrp.DropReplay] == 0; heard != told {
					t.Errorf("told the last number: %v, heard by the peer: %v", told, heard)
				}
			}
		})
	}
}

// TestSafety_5_7_PartingSaysGoodbyeAlone: a last will takes no mastership first,
// not by an advert nor by an announcement; another master goes on.
func TestSafety_5_7_PartingSaysGoodbyeAlone(t *testing.T) {
	t.Parallel()
	c := settings(priority(150), graceful)
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(linkUp("eth0"))
	ev := configure(c)
	ev.Resume, ev.Parting = map[vrrp.RouterID]bool{c.ID: true}, true
	g.step(ev)
	g.seen("hold 192.0.2.100/24 6s", "initialize → master resumed")
	g.step(&vrrp.Stop{})
	other := newMaster(t, settings())
	for _, a := range adverts(g) {
		if a.Priority != 0 {
			t.Errorf("advert with priority %d", a.Priority)
		}
		other.step(&vrrp.Received{Interface: "eth0", Family: vrrp.IPv4, Src: higher, Dst: a.Dst, TTL: a.TTL, Payload: a.Payload})
	}
	if s := other.status().State; s != vrrp.StateMaster {
		t.Errorf("the other master is %s", s)
	}
	g.advert(lower, 100)
	g.wait(time.Second)
	if s := g.status().State; s != vrrp.StateInitialize {
		t.Errorf("after a successor it is %s", s)
	}
}

// adverts are copies of those of the last step.
func adverts(g *rig) (all []vrrp.SendAdvert) {
	for _, a := range g.out.Actions {
		if s, ok := a.(*vrrp.SendAdvert); ok {
			c := *s
			c.Payload = slices.Clone(s.Payload)
			all = append(all, c)
		}
	}
	return all
}

// fromOurs is an advert as it arrives.
func fromOurs(a vrrp.SendAdvert) *vrrp.Received {
	if a.AH {
		return whole(a.Payload)
	}
	return &vrrp.Received{Interface: "eth0", Family: vrrp.IPv4, Src: a.Src, Dst: a.Dst, TTL: a.TTL, Payload: a.Payload}
}

// hearing is another router, at an address of its own.
func hearing(t *testing.T, c vrrp.Config, wall time.Time) *rig {
	t.Helper()
	g := &rig{t: t, e: vrrp.NewEngine()}
	link := linkUp("eth0")
	link.Primary = lower
	g.step(&vrrp.Clock{Wall: wall})
	g.step(link)
	g.step(configure(c))
	return g
}
