package vrrp_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

func linkDelays(down, up time.Duration) func(*vrrp.Config) {
	return func(c *vrrp.Config) { c.LinkDown, c.LinkUp = down, up }
}

func linkDown(name string) *vrrp.Link {
	l := linkUp(name)
	l.Up = false
	return l
}

// A link that flaps for less than the delay causes no transition; one that
// stays away does, and so does one that stays back.
func TestLinkDelay(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(linkDelays(500*time.Millisecond, 2*time.Second)))
	g.wait(10 * time.Second)
	for range 3 {
		g.step(linkDown("eth0"))
		g.wait(400 * time.Millisecond)
		g.step(linkUp("eth0"))
		g.wait(200 * time.Millisecond)
	}
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	began := g.now
	g.step(linkDown("eth0"))
	for g.status().State == vrrp.StateMaster {
		g.tick()
	}
	g.inState(vrrp.StateFault, vrrp.ReasonInterfaceDown)
	if took := g.now - began; took != 500*time.Millisecond {
		t.Errorf("in fault after %v", took)
	}
	g.step(linkUp("eth0"))
	g.wait(1900 * time.Millisecond)
	g.step(linkDown("eth0"))
	g.step(linkUp("eth0"))
	began = g.now
	g.wait(1999 * time.Millisecond)
	g.inState(vrrp.StateFault, vrrp.ReasonInterfaceDown)
	g.wait(time.Millisecond)
	g.inState(vrrp.StateBackup, vrrp.ReasonInterfaceUp)
}

// What is certain does not wait: an interface that is gone, and another source
// address. A reload without the delay ends it.
func TestLinkDelayHasExceptions(t *testing.T) {
	t.Parallel()
	delayed := settings(linkDelays(time.Second, time.Second))
	g := newMaster(t, delayed)
	g.step(&vrrp.Link{Interface: "eth0"})
	g.inState(vrrp.StateFault, vrrp.ReasonNoInterface)

	g = newMaster(t, delayed)
	moved := linkUp("eth0")
	moved.Primary = lower
	g.step(moved)
	g.log = nil
	g.wait(time.Second)
	if len(g.log) == 0 || g.log[0] != "announce 192.0.2.100/24 x1" {
		t.Errorf("%v", g.log)
	}
	g.seen("announce 192.0.2.100/24 x1", "advert v3 priority 100 from 192.0.2.1", "refresh 192.0.2.100/24 6s", "announce 192.0.2.100/24 x1")

	g = newMaster(t, delayed)
	g.step(linkDown("eth0"))
	g.step(configure(settings()))
	g.wait(time.Second)
	g.inState(vrrp.StateFault, vrrp.ReasonInterfaceDown)
}

// A router that ignores its carrier runs on without it: a master keeps its
// addresses, a backup becomes master when it hears nobody. An interface that is
// gone is a fault all the same.
func TestKeepalived_DontTrackPrimary(t *testing.T) {
	t.Parallel()
	ignores := settings(func(c *vrrp.Config) { c.IgnoreCarrier = true })
	g := newMaster(t, ignores)
	g.step(linkDown("eth0"))
	g.wait(10 * time.Second)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)

	g = newBackup(t, ignores)
	g.step(linkDown("eth0"))
	g.wait(10 * time.Second)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
	g.step(linkUp("eth0"))
	g.advert(higher, 200)
	g.inState(vrrp.StateBackup, vrrp.ReasonHigherPriority)

	g.step(&vrrp.Link{Interface: "eth0"})
	g.inState(vrrp.StateFault, vrrp.ReasonNoInterface)
	g.step(linkDown("eth0"))
	g.inState(vrrp.StateBackup, vrrp.ReasonInterfaceUp)

	// Who tracks the interface by name still sees it go, and a stop does not
	// wait for a successor that nobody could hear.
	weighs := ignores
	weighs.Tracks = []vrrp.Track{{ID: vrrp.TrackID{Kind: vrrp.TrackInterface, Name: "eth0"}, Weight: -20}}
	weighs.HandOver = vrrp.HandOverGraceful
	g = newMaster(t, weighs)
	g.step(linkDown("eth0"))
	if p := g.status().Priority; p != 80 {
		t.Errorf("priority %d without carrier", p)
	}
	g.step(&vrrp.Stop{})
	g.inState(vrrp.StateInitialize, vrrp.ReasonStop)
	g.step(configure(settings()))
	g.inState(vrrp.StateFault, vrrp.ReasonInterfaceDown)
}
