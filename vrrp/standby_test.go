package vrrp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

func standBy(force bool) *vrrp.StandBy {
	return &vrrp.StandBy{Orders: []vrrp.Standby{{ID: settings().ID, Reason: "maintenance", Force: force}}}
}

func gracefully(c *vrrp.Config) { c.HandOver = vrrp.HandOverGraceful }

// A master on standby serves until its successor is heard, then obeys it
// whatever its priority.
func TestStandbyHandsOver(t *testing.T) {
	g := newMaster(t, settings(gracefully))
	g.step(standBy(false))
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	g.wait(300 * time.Millisecond)
	g.advert(lower, 50)
	g.wait(100 * time.Millisecond)
	g.inState(vrrp.StateBackup, vrrp.ReasonStandby)
	for range 10 {
		g.advert(lower, 50)
		g.wait(time.Second)
	}
	g.inState(vrrp.StateBackup, vrrp.ReasonStandby)
	if s := g.status(); s.Priority != 1 || s.Standby == nil || s.Standby.Reason != "maintenance" {
		t.Errorf("status %+v", s)
	}
}

// Without a successor the addresses stay where they are, and it is said.
func TestSafety_2_4_StandbyWithoutSuccessor(t *testing.T) {
	for name, way := range map[string]func(*vrrp.Config){
		"graceful": gracefully, "immediate": func(c *vrrp.Config) { c.HandOver = vrrp.HandOverImmediate },
	} {
		t.Run(name, func(t *testing.T) {
			g := newMaster(t, settings(way))
			g.step(standBy(false))
			g.wait(10 * time.Second)
			if s := g.status(); s.State != vrrp.StateMaster || s.Priority != 1 {
				t.Errorf("%v with priority %d", s.State, s.Priority)
			}
			if name == "graceful" && !strings.Contains(strings.Join(g.log, "\n"), "no_successor") {
				t.Errorf("not reported: %q", g.log)
			}
		})
	}
}

// A forced standby leaves even if nobody takes over, and does not come back.
func TestStandbyForced(t *testing.T) {
	g := newMaster(t, settings(gracefully))
	g.step(standBy(true))
	g.wait(time.Minute)
	g.inState(vrrp.StateFault, vrrp.ReasonStandby)
	g.step(&vrrp.StandBy{})
	g.wait(fullDown)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// One that leaves at once waits as long as a hand-over would take, and says that
// nobody took over: no master-down interval has passed.
func TestStandbyWithoutSuccessorSaysSo(t *testing.T) {
	g := newMaster(t, settings())
	g.step(standBy(false))
	g.inState(vrrp.StateBackup, vrrp.ReasonStandby)
	g.timer(vrrp.HandOverBound(3, time.Second))
	g.wait(2 * time.Second)
	g.inState(vrrp.StateMaster, vrrp.ReasonNoSuccessor)

	g = newMaster(t, settings())
	g.step(standBy(false))
	g.advert(higher, 100)
	g.wait(fullDown + time.Second)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// A backup on standby does not preempt, but takes over from a dead master.
func TestStandbyOfBackup(t *testing.T) {
	g := newBackup(t, settings(priority(190)))
	g.step(standBy(false))
	for range 10 {
		g.advert(higher, 200)
		g.wait(time.Second)
	}
	g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
	g.wait(4 * time.Second)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// When the order ends the router takes over, also one that never preempts.
func TestStandbyEnds(t *testing.T) {
	g := newMaster(t, settings(gracefully, noPreempt))
	g.step(standBy(false))
	g.wait(300 * time.Millisecond)
	for range 5 {
		g.advert(lower, 50)
		g.wait(time.Second)
	}
	g.inState(vrrp.StateBackup, vrrp.ReasonStandby)
	g.step(&vrrp.StandBy{})
	for range 5 {
		g.advert(lower, 50)
		g.wait(time.Second)
	}
	g.inState(vrrp.StateMaster, vrrp.ReasonPreempt)
}

// An order that is in force at the start is obeyed from the start, also by
// the owner of the addresses.
func TestStandbyAtStart(t *testing.T) {
	c := configure(settings(priority(255)))
	c.StandBy = standBy(false).Orders
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(linkUp("eth0"))
	g.step(c)
	g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
	for range 10 {
		g.advert(higher, 200)
		g.wait(time.Second)
	}
	g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
}

// A group on standby leaves or stays as one: a successor of one member only
// takes the others along.
func TestStandbyOfGroup(t *testing.T) {
	for name, heard := range map[string]bool{"one successor": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			g := newPair(t, pair(gracefully))
			g.until(4 * time.Second)
			g.both(vrrp.StateMaster)
			order := standBy(false)
			order.Orders = append(order.Orders, vrrp.Standby{ID: insideID, Reason: "maintenance"})
			g.step(order)
			g.wait(300 * time.Millisecond)
			if heard {
				g.inside(50)
			}
			g.wait(2 * time.Second)
			if heard {
				g.both(vrrp.StateBackup)
			} else {
				g.both(vrrp.StateMaster)
			}
		})
	}
}

// An order that comes while the daemon leaves does not keep it.
func TestStandbyWhileLeaving(t *testing.T) {
	g := newMaster(t, settings(gracefully))
	g.step(&vrrp.Stop{})
	g.step(standBy(false))
	g.wait(10 * time.Second)
	g.inState(vrrp.StateInitialize, vrrp.ReasonStop)
}
