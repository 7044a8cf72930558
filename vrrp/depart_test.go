package vrrp_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// newDeparting is a master that a reload has just removed, beside one that
// stays.
func newDeparting(t *testing.T) *rig {
	t.Helper()
	stays := settings(vrid(52), addresses("192.0.2.200/24"), graceful)
	g := newMaster(t, settings(graceful), stays)
	g.wait(10 * time.Second)
	g.log = nil
	g.step(configure(stays))
	if !g.out.Departing {
		t.Fatal("nobody departs")
	}
	g.seen("advert v3 priority 0 from 192.0.2.2", "advert v3 priority 0 from 192.0.2.2", "hand over 192.0.2.100/24")
	return g
}

// successor is heard instead of the router that departs.
func (g *rig) successor() {
	g.t.Helper()
	g.advert(lower, 50, func(a *vrrp.Advert) {
		a.VRID, a.List = 51, vrrp.AppendList(nil, settings().Addresses)
	})
}

// ofFirst empties the log of what the router that stays does.
func (g *rig) ofFirst() {
	g.log = slices.DeleteFunc(g.log, func(a string) bool { return strings.HasPrefix(a, "eth0/ipv4/52 ") })
}

// departed checks that only the other router is left.
func departed(t *testing.T, g *rig) {
	t.Helper()
	if all := g.e.Status(); g.out.Departing || len(all) != 1 || all[0].VRID != 52 || all[0].State != vrrp.StateMaster {
		t.Errorf("departing %t, left: %+v", g.out.Departing, all)
	}
	g.log = nil
	g.successor()
	g.seen("drop unknown_vrid from 192.0.2.1")
}

// A removed instance hands over like one that is stopped; the others do not
// notice.
func TestSafety_2_9_RemovedHandsOver(t *testing.T) {
	t.Parallel()
	g := newDeparting(t)
	g.successor()
	g.wait(50 * time.Millisecond)
	g.ofFirst()
	g.seen("report peer_heard peer 192.0.2.1", "release 192.0.2.100/24",
		"master → initialize removed peer 192.0.2.1 priority 50 (handed over to 192.0.2.1 after 0s)")
	departed(t, g)
}

// Without a successor it serves to the end of the bound.
func TestSafety_2_9_RemovedHandsOverToNobody(t *testing.T) {
	t.Parallel()
	g := newDeparting(t)
	began := g.now
	for g.out.Departing {
		g.tick()
	}
	if took, want := g.now-began, vrrp.HandOverBound(3, time.Second); took != want {
		t.Errorf("it left after %v, want %v", took, want)
	}
	departed(t, g)
}

// A configuration that brings it back finds it leaving: it says nothing until
// it is backup, or master because nobody took over.
func TestSafety_2_9_RemovedComesBack(t *testing.T) {
	t.Parallel()
	back := func(g *rig) {
		g.step(configure(settings(graceful), settings(vrid(52), addresses("192.0.2.200/24"), graceful)))
		if g.out.Departing {
			t.Error("it still departs")
		}
		g.log = nil
	}
	t.Run("successor", func(t *testing.T) {
		g := newDeparting(t)
		back(g)
		g.successor()
		g.wait(50 * time.Millisecond)
		g.inState(vrrp.StateBackup, vrrp.ReasonRemoved)
	})
	t.Run("nobody", func(t *testing.T) {
		g := newDeparting(t)
		back(g)
		g.wait(vrrp.HandOverBound(3, time.Second))
		if s := g.status(); s.State != vrrp.StateMaster || s.HandingOver {
			t.Errorf("%v, handing over %t", s.State, s.HandingOver)
		}
	})
}

// An address that moves to another instance, and a router that changes its
// carrier, are not worth waiting for.
func TestSafety_2_9_RemovedLeavesAtOnce(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]vrrp.Config{
		"address moves":   settings(vrid(52), graceful),
		"carrier changes": settings(graceful, func(c *vrrp.Config) { c.VMAC.Name = "vrrp.51" }),
	} {
		t.Run(name, func(t *testing.T) {
			g := newMaster(t, settings(graceful))
			g.step(configure(next))
			if g.out.Departing {
				t.Error("it departs")
			}
			if len(g.log) < 4 {
				t.Fatal(g.log)
			}
			g.log = g.log[:4]
			g.seen("advert v3 priority 0 from 192.0.2.2", "advert v3 priority 0 from 192.0.2.2",
				"release 192.0.2.100/24", "master → initialize removed")
		})
	}
}

// A stop takes those along that depart.
func TestSafety_2_9_RemovedThenStopped(t *testing.T) {
	t.Parallel()
	g := newDeparting(t)
	g.step(&vrrp.Stop{})
	if !g.out.Leaving {
		t.Error("nobody leaves")
	}
	g.step(&vrrp.Stop{Immediate: true})
	if g.out.Leaving || g.out.Departing {
		t.Errorf("leaving %t, departing %t", g.out.Leaving, g.out.Departing)
	}
	g.log = nil
	g.step(configure(settings()))
	if all := g.e.Status(); len(all) != 1 || all[0].State != vrrp.StateBackup {
		t.Errorf("after a new start: %+v", all)
	}
}
