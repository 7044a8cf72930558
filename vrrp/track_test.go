package vrrp_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/vrrp"
)

var chkWeb = vrrp.TrackID{Kind: vrrp.TrackScript, Name: "chk_web"}

func tracks(all ...vrrp.Track) func(*vrrp.Config) {
	return func(c *vrrp.Config) { c.Tracks = all }
}

func observed(id vrrp.TrackID, s vrrp.TrackState) *vrrp.Observed {
	return &vrrp.Observed{ID: id, State: s}
}

func TestContribute(t *testing.T) {
	const up, down, unknown = vrrp.TrackUp, vrrp.TrackDown, vrrp.TrackUnknown
	file := func(v int) vrrp.Observed { return vrrp.Observed{State: up, Value: v} }
	for _, c := range []struct {
		name     string
		kind     vrrp.TrackKind
		weight   int
		reverse  bool
		observed vrrp.Observed
		delta    int
		fault    bool
	}{
		{"positive weight, up", "script", 20, false, vrrp.Observed{State: up}, 20, false},
		{"positive weight, down", "script", 20, false, vrrp.Observed{State: down}, 0, false},
		{"positive weight, unknown", "script", 20, false, vrrp.Observed{}, 0, false},
		{"negative weight, up", "script", -20, false, vrrp.Observed{State: up}, 0, false},
		{"negative weight, down", "script", -20, false, vrrp.Observed{State: down}, -20, false},
		{"negative weight, unknown", "script", -20, false, vrrp.Observed{State: unknown}, 0, false},
		{"no weight, up", "interface", 0, false, vrrp.Observed{State: up}, 0, false},
		{"no weight, down", "interface", 0, false, vrrp.Observed{State: down}, 0, true},
		{"no weight, unknown", "interface", 0, false, vrrp.Observed{}, 0, false},
		{"reverse: up is down", "script", -20, true, vrrp.Observed{State: up}, -20, false},
		{"reverse: down is up", "script", 20, true, vrrp.Observed{State: down}, 20, false},
		{"reverse: fault while up", "script", 0, true, vrrp.Observed{State: up}, 0, true},
		{"reverse: unknown is neither", "script", 20, true, vrrp.Observed{}, 0, false},
		{"file: product", "file", 2, false, file(-7), -14, false},
		{"file: reversed", "file", 2, true, file(-7), 14, false},
		{"file: zero", "file", 5, false, file(0), 0, false},
		{"file: bounded", "file", 5, false, file(1 << 40), 253, false},
		{"file: a product of -254 is a fault", "file", 1, false, file(-254), -253, true},
		{"file: one of -253 is not", "file", 1, false, file(-253), -253, false},
		{"file: without weight any number is a fault", "file", 0, false, file(1), 0, true},
		{"file: without weight zero is none", "file", 0, false, file(0), 0, false},
		{"file: cannot be read", "file", 0, false, vrrp.Observed{State: down}, 0, true},
		{"file: cannot be read, weighted", "file", 3, false, vrrp.Observed{State: down}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			track := vrrp.Track{ID: vrrp.TrackID{Kind: c.kind, Name: "x"}, Weight: c.weight, Reverse: c.reverse}
			got := track.Contribute(&c.observed)
			if got.Delta != c.delta || got.Fault != c.fault {
				t.Errorf("adds %d, fault %v; want %d, %v", got.Delta, got.Fault, c.delta, c.fault)
			}
		})
	}
}

// Whatever is tracked, a router that is not the owner adverts 1 to 254, and
// the owner adverts 255.
func TestEffectivePriorityRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Uint8Range(1, 255).Draw(t, "base")
		sum := 0
		for _, d := range rapid.SliceOf(rapid.IntRange(-253, 253)).Draw(t, "deltas") {
			sum += d
		}
		got := vrrp.EffectivePriority(base, sum)
		if (base == 255) != (got == 255) || got == 0 {
			t.Fatalf("base %d becomes %d", base, got)
		}
	})
}

// A weighted verdict changes the adverts of a master at once, with the sum.
func TestTrackedMasterTellsPriority(t *testing.T) {
	g := newMaster(t, settings(tracks(vrrp.Track{ID: chkWeb, Weight: -60})))
	g.step(observed(chkWeb, vrrp.TrackUp))
	g.seen()
	g.step(observed(chkWeb, vrrp.TrackDown))
	g.seen("report priority (100 → 40 (100 -60 script chk_web))", "advert v3 priority 40 from 192.0.2.2")
	g.step(observed(chkWeb, vrrp.TrackDown))
	g.seen()
	g.step(observed(chkWeb, vrrp.TrackUp))
	g.seen("report priority (40 → 100 (100))", "advert v3 priority 100 from 192.0.2.2")
	if s := g.status(); s.Priority != 100 || s.BasePriority != 100 || len(s.Tracks) != 1 {
		t.Errorf("status: %+v", s)
	}
}

// A backup whose priority rises above the master's takes over within a
// master-down interval; its timer follows its skew.
func TestTrackedBackupPreempts(t *testing.T) {
	g := newBackup(t, settings(priority(190), tracks(vrrp.Track{ID: chkWeb, Weight: 20})))
	g.timer(vrrp.MasterDownInterval(3, 190, time.Second))
	g.step(observed(chkWeb, vrrp.TrackUp))
	g.seen("report priority (190 → 210 (190 +20 script chk_web))")
	g.timer(vrrp.MasterDownInterval(3, 210, time.Second))
	for range 3 {
		g.wait(time.Second)
		g.advert(higher, 200)
	}
	g.wait(time.Second)
	g.inState(vrrp.StateMaster, vrrp.ReasonPreempt)
}

// Without a weight the router is in fault while the thing is down.
func TestTrackedFault(t *testing.T) {
	g := newMaster(t, settings(tracks(vrrp.Track{ID: chkWeb})))
	g.step(observed(chkWeb, vrrp.TrackDown))
	g.inState(vrrp.StateFault, vrrp.ReasonTracked)
	if d := g.status().LastDetail; d != "script chk_web" {
		t.Errorf("detail %q", d)
	}
	g.wait(time.Minute)
	g.inState(vrrp.StateFault, vrrp.ReasonTracked)
	g.step(observed(chkWeb, vrrp.TrackUp))
	g.inState(vrrp.StateBackup, vrrp.ReasonInterfaceUp)
}

// Weights do not touch the owner of the addresses.
func TestTrackedOwner(t *testing.T) {
	g := newRig(t, settings(priority(255), tracks(vrrp.Track{ID: chkWeb, Weight: -60})))
	g.step(observed(chkWeb, vrrp.TrackDown))
	g.seen()
	if p := g.status().Priority; p != 255 {
		t.Errorf("priority %d", p)
	}
}

// A start does not preempt before everything tracked was observed, at most for
// the bound.
func TestTrackedStartHoldsPreemption(t *testing.T) {
	for name, verdict := range map[string]bool{"observed": true, "never observed": false} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, settings(priority(210), tracks(vrrp.Track{ID: chkWeb, Weight: -60})))
			deadline := vrrp.ReadyBound
			if verdict {
				deadline = 10 * time.Second
			}
			for g.now < deadline-time.Second {
				g.wait(time.Second)
				g.advert(higher, 200)
				g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
			}
			if verdict {
				g.step(observed(chkWeb, vrrp.TrackUp))
			}
			for range 6 {
				g.wait(time.Second)
				g.advert(higher, 200)
			}
			g.inState(vrrp.StateMaster, vrrp.ReasonPreempt)
		})
	}
}

// Interfaces are tracked by their Link events; a state that does not last
// does not count.
func TestTrackedInterfaceDebounce(t *testing.T) {
	eth1 := vrrp.TrackID{Kind: vrrp.TrackInterface, Name: "eth1"}
	link := func(up bool) *vrrp.Link { return &vrrp.Link{Interface: "eth1", Exists: true, Up: up} }
	g := newMaster(t, settings(tracks(vrrp.Track{ID: eth1, Weight: -60, Debounce: 500 * time.Millisecond})))
	g.step(link(true))
	g.log = nil
	g.step(link(false))
	g.wait(400 * time.Millisecond)
	g.step(link(true))
	g.wait(600 * time.Millisecond)
	if p := g.status().Priority; p != 100 {
		t.Fatalf("a flap of 400 ms counted: priority %d", p)
	}
	g.step(link(false))
	g.wait(499 * time.Millisecond)
	if p := g.status().Priority; p != 100 {
		t.Fatalf("counted too early: priority %d", p)
	}
	g.wait(time.Millisecond)
	if p := g.status().Priority; p != 40 {
		t.Fatalf("priority %d after 500 ms", p)
	}
}

// A verdict outlives a reload; a track that is gone takes its part along.
func TestTrackedReload(t *testing.T) {
	weighted := settings(tracks(vrrp.Track{ID: chkWeb, Weight: -60}))
	g := newMaster(t, weighted)
	g.step(observed(chkWeb, vrrp.TrackDown))
	g.step(configure(weighted))
	if p := g.status().Priority; p != 40 {
		t.Errorf("priority %d after the same configuration", p)
	}
	g.step(configure(settings()))
	if p := g.status().Priority; p != 100 {
		t.Errorf("priority %d without the track", p)
	}
}
