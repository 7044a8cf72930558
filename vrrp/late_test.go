package vrrp_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestSafety_4_3_SleptMasterListens: whatever wakes it, a master that missed its own
// master-down gives up before it says anything.
func TestSafety_4_3_SleptMasterListens(t *testing.T) {
	t.Parallel()
	wake := map[string]func(*rig){
		"tick":           func(g *rig) { g.step(&vrrp.Tick{}) },
		"reload":         func(g *rig) { g.step(configure(settings())) },
		"lower advert":   func(g *rig) { g.advert(lower, 50) },
		"table is ready": func(g *rig) { g.step(&vrrp.TableReady{}) },
	}
	for name, event := range wake {
		t.Run(name, func(t *testing.T) {
			g := newMaster(t, settings())
			g.advert(lower, 50)
			g.log = nil
			g.sleep(time.Second + fullDown)
			event(g)
			g.seen("release 192.0.2.100/24", "master → backup slept (3.609375s)")
			g.timer(fullDown)
		})
	}
}

// TestSleptMasterStops without a priority 0 that could depose its successor.
func TestSleptMasterStops(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.sleep(time.Minute)
	g.step(&vrrp.Stop{})
	g.seen("release 192.0.2.100/24", "master → backup slept (59s)", "backup → initialize stop")
}

// TestDozedMasterGoesOn: less than a master-down late is late, not asleep.
func TestDozedMasterGoesOn(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.sleep(time.Second + fullDown - 1)
	g.step(&vrrp.Tick{})
	g.seen(
		"report advert_late (3.609374999s)",
		"advert v3 priority 100 from 192.0.2.2",
		"refresh 192.0.2.100/24 6s",
		"announce 192.0.2.100/24 x1",
	)
	g.timer(time.Second)
	c := g.status().Counters
	if c.AdvertsLate != 1 || c.LatenessMax != fullDown-1 || c.LatenessSum != fullDown-1 {
		t.Errorf("%+v", c)
	}
}

// TestLatenessKeepsCadence: a small delay does not shift later adverts.
func TestLatenessKeepsCadence(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.sleep(time.Second + 150*time.Millisecond)
	g.step(&vrrp.Tick{})
	g.timer(850 * time.Millisecond)
	g.wait(850 * time.Millisecond)
	if c := g.status().Counters; c.AdvertsLate != 1 || c.LatenessMax != 150*time.Millisecond {
		t.Errorf("%+v", c)
	}
}

// TestQueuedAdvertBeatsLateTimer: a backup that was starved finds the advert
// that its timer missed.
func TestQueuedAdvertBeatsLateTimer(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.sleep(time.Minute)
	g.advert(higher, 200)
	g.step(&vrrp.Tick{})
	g.seen()
	g.timer(fullDown)
}

func TestSendFailed(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(lease(vrrp.LeaseOff), func(c *vrrp.Config) { c.Announce.Delay = 0 }))
	g.wait(2 * time.Second)
	g.log = nil
	failed := &vrrp.SendFailed{ID: settings().ID, Err: "network is down"}
	const advert = "advert v3 priority 100 from 192.0.2.2"
	for range 2 {
		g.wait(time.Second)
		g.step(failed)
	}
	g.seen(advert, "report send_failed (network is down)", advert)
	g.wait(2 * time.Second)
	g.step(failed)
	g.seen(advert, advert, "report send_failed (network is down)")
	g.step(&vrrp.SendFailed{ID: vrrp.RouterID{VRID: 9}, Err: "x"})
	g.seen()
	if n := g.status().Counters.SendErrors; n != 3 {
		t.Errorf("counted %d", n)
	}
}
