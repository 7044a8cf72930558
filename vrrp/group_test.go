package vrrp_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// insideID is the second member of the group of these tests.
var insideID = vrrp.RouterID{Interface: "eth1", Family: vrrp.IPv4, VRID: 52}

// pair is a group of two routers on two interfaces.
func pair(edit ...func(*vrrp.Config)) *vrrp.Configure {
	web, inside := settings(edit...), settings(edit...)
	inside.Name, inside.ID, inside.Addresses = "inside", insideID, prefixes("198.51.100.1/24")
	return &vrrp.Configure{
		Routers: []vrrp.Config{web, inside},
		Groups:  []vrrp.Group{{Name: "edge", Members: []vrrp.RouterID{web.ID, inside.ID}}},
	}
}

func newPair(t *testing.T, c *vrrp.Configure) *rig {
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(linkUp("eth0"))
	g.step(&vrrp.Link{Interface: "eth1", Exists: true, Up: true, Primary: netip.MustParseAddr("198.51.100.12"), MTU: 1500})
	g.step(c)
	g.log = nil
	return g
}

// both fails unless both members are in the state.
func (g *rig) both(want vrrp.State) {
	g.t.Helper()
	for _, s := range g.e.Status() {
		if s.State != want {
			g.t.Errorf("at %v: %s is %v (%s %s), want %v", g.now, s.Name, s.State, s.LastReason, s.LastDetail, want)
		}
	}
}

// inside feeds an advert for the second member.
func (g *rig) inside(priority uint8) {
	g.t.Helper()
	a := vrrp.Advert{Version: 3, VRID: 52, Priority: priority, Interval: time.Second, List: vrrp.AppendList(nil, prefixes("198.51.100.1/24"))}
	p := vrrp.Received{Interface: "eth1", Family: vrrp.IPv4, Src: netip.MustParseAddr("198.51.100.13"), Dst: group, TTL: 255}
	p.Payload = vrrp.Encode(nil, &a, vrrp.Path{Family: p.Family, Src: p.Src, Dst: p.Dst}, vrrp.ChecksumPseudo)
	g.step(&p)
}

func TestGroupBecomesMasterTogether(t *testing.T) {
	g := newPair(t, pair())
	g.until(fullDown - 1)
	g.both(vrrp.StateBackup)
	g.until(fullDown)
	g.both(vrrp.StateMaster)
	if s := g.status(); s.Group != "edge" {
		t.Errorf("group %q", s.Group)
	}
}

// A member whose master is silent waits for the other, whose master lives.
func TestGroupAllOrNothing(t *testing.T) {
	g := newPair(t, pair())
	for range 10 {
		g.wait(time.Second)
		g.inside(200)
		g.both(vrrp.StateBackup)
	}
	if !g.status().AwaitsGroup {
		t.Error("the waiting member does not say so")
	}
	g.wait(fullDown)
	g.both(vrrp.StateMaster)
}

// A member that hears its master again waits no more.
func TestGroupClaimIsDropped(t *testing.T) {
	g := newPair(t, pair())
	for range 5 {
		g.wait(time.Second)
		g.inside(200)
	}
	g.advert(higher, 200)
	if g.status().AwaitsGroup {
		t.Error("still waits")
	}
	g.wait(2 * time.Second)
	g.advert(higher, 200)
	g.wait(1800 * time.Millisecond)
	g.both(vrrp.StateBackup)
}

// One member that hears a better master takes all along; the others say so
// with priority 0.
func TestGroupYieldsTogether(t *testing.T) {
	g := newPair(t, pair())
	g.until(4 * time.Second)
	g.both(vrrp.StateMaster)
	g.log = nil
	g.advert(higher, 200)
	g.both(vrrp.StateBackup)
	g.seen(
		"release 192.0.2.100/24",
		"master → backup higher_priority peer 192.0.2.3 priority 200",
		"eth1/ipv4/52 advert v3 priority 0 from 198.51.100.12",
		"eth1/ipv4/52 advert v3 priority 0 from 198.51.100.12",
		"eth1/ipv4/52 release 198.51.100.1/24",
		"eth1/ipv4/52 master → backup sync_group (web)",
		"report peer_heard peer 192.0.2.3",
	)
}

// The fault of one member is the fault of all, and so is its end.
func TestGroupFault(t *testing.T) {
	g := newPair(t, pair())
	g.until(4 * time.Second)
	g.step(&vrrp.Link{Interface: "eth1", Exists: true})
	g.both(vrrp.StateFault)
	g.inState(vrrp.StateFault, vrrp.ReasonSyncGroup)
	if d := g.status().LastDetail; d != "inside: interface_down" {
		t.Errorf("detail %q", d)
	}
	up := linkUp("eth1")
	up.Primary = netip.MustParseAddr("198.51.100.12")
	g.step(up)
	g.both(vrrp.StateBackup)
	g.wait(fullDown)
	g.both(vrrp.StateMaster)
}

// What one member or the group tracks counts for all, once.
func TestGroupSharesTracks(t *testing.T) {
	c := pair()
	c.Routers[0].Tracks = []vrrp.Track{{ID: chkWeb, Weight: -60}}
	c.Groups[0].Tracks = []vrrp.Track{{ID: chkWeb, Weight: -60}, {ID: vrrp.TrackID{Kind: vrrp.TrackPing, Name: "gw"}, Weight: 10}}
	g := newPair(t, c)
	g.step(observed(chkWeb, vrrp.TrackDown))
	g.step(observed(vrrp.TrackID{Kind: vrrp.TrackPing, Name: "gw"}, vrrp.TrackUp))
	for _, s := range g.e.Status() {
		if s.Priority != 50 {
			t.Errorf("%s has priority %d, want 50", s.Name, s.Priority)
		}
	}
}

// A group of owners starts as master, all or none.
func TestGroupOfOwners(t *testing.T) {
	g := newPair(t, pair(priority(255)))
	g.both(vrrp.StateMaster)
}

// A restarted role resumes a group only if all members were master just now.
func TestGroupResume(t *testing.T) {
	c := pair()
	c.Resume = map[vrrp.RouterID]bool{c.Routers[0].ID: true}
	g := newPair(t, c)
	g.both(vrrp.StateBackup)
	c = pair()
	c.Resume = map[vrrp.RouterID]bool{c.Routers[0].ID: true, insideID: true}
	g = newPair(t, c)
	g.both(vrrp.StateMaster)
}

// A master that slept takes its group along without a word.
func TestGroupSleeps(t *testing.T) {
	g := newPair(t, pair())
	g.until(4 * time.Second)
	g.log = nil
	g.sleep(10 * time.Second)
	g.step(&vrrp.Tick{})
	g.both(vrrp.StateBackup)
	for _, line := range g.log {
		if line == "advert v3 priority 0 from 192.0.2.2" {
			t.Errorf("priority 0 after the sleep: %q", g.log)
		}
	}
}

// TestSafety_2_4_GroupLeavesTogether: the addresses of all members go when every member has
// a successor, or at the end of the bound.
func TestSafety_2_4_GroupLeavesTogether(t *testing.T) {
	g := newPair(t, pair(graceful))
	g.until(14 * time.Second)
	g.both(vrrp.StateMaster)
	g.step(&vrrp.Stop{})
	g.advert(higher, 200)
	g.wait(200 * time.Millisecond)
	g.both(vrrp.StateMaster)
	g.inside(200)
	g.wait(50*time.Millisecond - 1)
	g.both(vrrp.StateMaster)
	g.wait(1)
	g.both(vrrp.StateInitialize)

	g = newPair(t, pair(graceful))
	g.until(14 * time.Second)
	g.step(&vrrp.Stop{})
	g.advert(higher, 200)
	g.wait(vrrp.HandOverBound(3, time.Second) - 1)
	g.both(vrrp.StateMaster)
	g.wait(1)
	g.both(vrrp.StateInitialize)
}

// TestHandOverOfAGroupAtFault: the member without an interface leaves at once,
// the other one hands over, and neither says good-bye twice.
func TestHandOverOfAGroupAtFault(t *testing.T) {
	g := newPair(t, pair(graceful))
	g.until(14 * time.Second)
	g.log = nil
	g.step(&vrrp.Link{Interface: "eth1", Exists: true})
	g.step(&vrrp.Link{Interface: "eth1", Exists: true})
	g.seen(
		"advert v3 priority 0 from 192.0.2.2",
		"advert v3 priority 0 from 192.0.2.2",
		"hand over 192.0.2.100/24",
		"eth1/ipv4/52 release 198.51.100.1/24",
		"eth1/ipv4/52 master → fault interface_down",
	)
	g.advert(higher, 200)
	g.wait(successorGrace)
	g.both(vrrp.StateFault)
}

// A group that preempts waits for its slowest member while it hears the master
// whose place it takes.
func TestGroupPreempts(t *testing.T) {
	g := newPair(t, pair(gracefully, priority(210)))
	g.until(10 * time.Second)
	up := linkUp("eth1")
	up.Primary = netip.MustParseAddr("198.51.100.12")
	g.step(&vrrp.Link{Interface: "eth1", Exists: true})
	g.wait(3 * time.Second)
	g.step(up)
	for range 12 {
		g.advert(higher, 200)
		g.inside(200)
		g.wait(700 * time.Millisecond)
	}
	g.both(vrrp.StateMaster)
}
