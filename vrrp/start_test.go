package vrrp_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestSafety_4_2_DecidesOnFirstAdvert: addresses of an earlier life stay as they are
// until another master proves to be alive; even one we will preempt.
func TestSafety_4_2_DecidesOnFirstAdvert(t *testing.T) {
	t.Parallel()
	for _, p := range []uint8{1, 100, 200, 255} {
		g := newRig(t, settings())
		g.wait(2 * time.Second)
		g.seen()
		g.advert(lower, 0)
		g.seen("drop zero_not_master from 192.0.2.1")
		g.advert(lower, p)
		g.seen("release 192.0.2.100/24", "report peer_heard peer 192.0.2.1")
		g.advert(lower, p)
		g.seen()
	}
}

// TestSafety_4_2_DecidesOnMasterDown by holding what it finds.
func TestSafety_4_2_DecidesOnMasterDown(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings())
	g.tick()
	g.seen(
		"advert v3 priority 100 from 192.0.2.2",
		"hold 192.0.2.100/24 6s",
		"announce 192.0.2.100/24 x5",
		"backup → master master_down",
	)
}

// TestStartUndecidedLeaves: what nobody will decide about is released.
func TestStartUndecidedLeaves(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings())
	g.step(&vrrp.Stop{})
	g.seen("release 192.0.2.100/24", "backup → initialize stop")

	g = newRig(t, settings())
	g.step(configure())
	g.seen("release 192.0.2.100/24", "backup → initialize removed")

	g = newRig(t, settings(addresses("192.0.2.100/24", "192.0.2.101/24")))
	g.step(configure(settings(addresses("192.0.2.101/24"))))
	g.seen("release 192.0.2.100/24")
}

// TestSafety_4_1_OnlyProofResumes: only the proof of the runtime record makes a fresh engine master
// at once, and only while it is fresh.
func TestSafety_4_1_OnlyProofResumes(t *testing.T) {
	t.Parallel()
	resume := &vrrp.Configure{Routers: []vrrp.Config{settings()}, Resume: map[vrrp.RouterID]bool{settings().ID: true}}
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(resume)
	g.sleep(time.Second)
	g.step(linkUp("eth0"))
	g.seen(
		"advert v3 priority 100 from 192.0.2.2",
		"hold 192.0.2.100/24 6s",
		"announce 192.0.2.100/24 x5",
		"initialize → master resumed",
	)

	g = &rig{t: t, e: vrrp.NewEngine()}
	g.step(resume)
	g.sleep(fullDown)
	g.step(linkUp("eth0"))
	g.seen("initialize → backup startup")

	g = &rig{t: t, e: vrrp.NewEngine()}
	g.step(resume)
	g.step(&vrrp.Link{Interface: "eth0", Exists: true})
	g.step(linkUp("eth0"))
	g.seen("initialize → fault interface_down", "fault → backup interface_up")

	g = newBackup(t, settings())
	g.step(resume)
	g.seen()
}

// TestSafety_4_5_StartGateCarrier: a fresh start preempts a lower master once the carrier
// has been stable for one master-down, and not a moment later.
func TestSafety_4_5_StartGateCarrier(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings())
	for g.now < 10*time.Second && g.status().State == vrrp.StateBackup {
		g.step(&vrrp.Tick{}) // the snapshot is as old as the last step
		if held := g.status().PreemptHeld; held != (g.now < fullDown) {
			t.Errorf("at %v: held back %v", g.now, held)
		}
		g.advert(lower, 50)
		g.wait(500 * time.Millisecond)
	}
	g.inState(vrrp.StateMaster, vrrp.ReasonPreempt)
	if s := g.status(); s.Since.Sub(epoch) != fullDown {
		t.Errorf("master at %v", s.Since.Sub(epoch))
	}
}

// TestSafety_4_5_StartGateTable: preemption waits for the IPVS table, with a bound.
func TestSafety_4_5_StartGateTable(t *testing.T) {
	t.Parallel()
	until := func(ready time.Duration) time.Duration {
		g := &rig{t: t, e: vrrp.NewEngine()}
		g.step(linkUp("eth0"))
		g.step(&vrrp.Configure{Routers: []vrrp.Config{settings()}, AwaitReady: true})
		for g.status().State == vrrp.StateBackup {
			if g.now == ready {
				g.step(&vrrp.TableReady{})
			}
			g.advert(lower, 50)
			g.wait(time.Second)
		}
		return g.status().Since.Sub(epoch)
	}
	if got, want := until(8*time.Second), 7*time.Second+fullDown; got != want {
		t.Errorf("ready after 8 s: master at %v, want %v", got, want)
	}
	if got, want := until(time.Hour), 27*time.Second+fullDown; got != want {
		t.Errorf("never ready: master at %v, want %v", got, want)
	}
}

// TestSafety_4_5_StartGateDelaysNoTakeover: neither of a dead master nor of a network
// without one.
func TestSafety_4_5_StartGateDelaysNoTakeover(t *testing.T) {
	t.Parallel()
	start := func() *rig {
		g := &rig{t: t, e: vrrp.NewEngine()}
		g.step(linkUp("eth0"))
		g.step(&vrrp.Configure{Routers: []vrrp.Config{settings()}, AwaitReady: true})
		return g
	}
	g := start()
	g.timer(fullDown)
	g.tick()
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)

	g = start()
	g.advert(lower, 50)
	g.timer(fullDown)
	g.tick()
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)

	g = start()
	g.advert(lower, 50)
	g.advert(lower, 0)
	g.tick()
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterLeft)
}

// TestSafety_4_6_Refused: another daemon of this host runs the router; we stay out.
func TestSafety_4_6_Refused(t *testing.T) {
	t.Parallel()
	refused := &vrrp.Configure{
		Routers: []vrrp.Config{settings()},
		Refused: map[vrrp.RouterID]string{settings().ID: "keepalived (pid 7)"},
	}
	g := &rig{t: t, e: vrrp.NewEngine()}
	g.step(refused)
	g.step(linkUp("eth0"))
	g.seen("initialize → fault other_daemon (keepalived (pid 7))")
	g.advert(higher, 200)
	g.seen("drop inactive from 192.0.2.3")
	g.step(configure(settings()))
	g.seen("fault → backup interface_up")

	g = newMaster(t, settings())
	g.step(refused)
	g.seen(
		"advert v3 priority 0 from 192.0.2.2", "advert v3 priority 0 from 192.0.2.2",
		"release 192.0.2.100/24", "master → fault other_daemon (keepalived (pid 7))",
	)
	g.step(&vrrp.Stop{})
	g.seen("fault → initialize stop")
}
