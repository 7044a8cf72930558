package vrrp_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/vrrp"
)

// explained returns what is said about the first router, as one text.
func (g *rig) explained() string {
	s := g.status()
	x := vrrp.Explain(&s, epoch.Add(g.now))
	return strings.Join(append([]string{x.Why, x.Priority, x.Next}, x.WhatIf...), "\n")
}

func (g *rig) says(want ...string) {
	g.t.Helper()
	text := g.explained()
	for _, w := range want {
		if !strings.Contains(text, w) {
			g.t.Errorf("at %v: %q is not in\n%s", g.now, w, text)
		}
	}
}

func TestExplain(t *testing.T) {
	weighted := settings(priority(210), tracks(vrrp.Track{ID: chkWeb, Weight: -60}))
	t.Run("master", func(t *testing.T) {
		g := newMaster(t, settings())
		g.says("master because no advert was heard", "100 = 100", "next advert is due in 1s", "a priority above 100")
	})
	t.Run("better master", func(t *testing.T) {
		newBackup(t, settings()).says("192.0.2.3 is master with priority 200 > 100", "takes over when 192.0.2.3 is silent")
	})
	t.Run("would win", func(t *testing.T) {
		g := newRig(t, weighted)
		g.step(observed(chkWeb, vrrp.TrackDown))
		g.advert(higher, 200)
		g.says("priority 200 > 150", "210 -60 script chk_web = 150", "would take over if script chk_web recovered (210 > 200)")
	})
	t.Run("same priority", func(t *testing.T) {
		newBackup(t, settings(priority(200))).says("same priority 200, which does not preempt")
	})
	t.Run("no preemption", func(t *testing.T) {
		newBackup(t, settings(priority(210), noPreempt)).says("preemption is off, although 200 < 210")
	})
	t.Run("standby", func(t *testing.T) {
		g := newBackup(t, settings())
		g.step(standBy(false))
		g.says("an operator put it on standby (maintenance)", "1 on standby, instead of 100", "vipd active web")
	})
	t.Run("group", func(t *testing.T) {
		g := newPair(t, pair())
		for range 5 {
			g.wait(time.Second)
			g.inside(200)
		}
		g.says("the other members of group edge cannot be master yet")
	})
	t.Run("fault", func(t *testing.T) {
		g := newMaster(t, settings(tracks(vrrp.Track{ID: chkWeb})))
		g.step(observed(chkWeb, vrrp.TrackDown))
		g.says("fault because something it depends on is down (script chk_web)", "would take part again if script chk_web recovered")
	})
	t.Run("owner", func(t *testing.T) {
		newRig(t, settings(priority(255))).says("it owns the addresses", "255, the owner")
	})
}

// What explain says would help does help: an oracle that does it and looks.
func TestExplainIsTrue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		own := rapid.Uint8Range(1, 254).Draw(rt, "own")
		other := rapid.Uint8Range(1, 254).Draw(rt, "other")
		a, b := rapid.IntRange(-253, 253).Draw(rt, "a"), rapid.IntRange(-253, 253).Draw(rt, "b")
		if a == 0 || b == 0 {
			rt.Skip("a fault, not a weight")
		}
		ids := []vrrp.TrackID{{Kind: vrrp.TrackScript, Name: "a"}, {Kind: vrrp.TrackPing, Name: "b"}}
		g := newRig(t, settings(priority(own), tracks(vrrp.Track{ID: ids[0], Weight: a}, vrrp.Track{ID: ids[1], Weight: b})))
		hear := func(d time.Duration) {
			for end := g.now + d; g.now < end; g.wait(time.Second) {
				g.advert(higher, other)
			}
			g.advert(higher, other)
		}
		for _, id := range ids {
			g.step(observed(id, rapid.SampledFrom([]vrrp.TrackState{vrrp.TrackUp, vrrp.TrackDown}).Draw(rt, id.Name)))
		}
		hear(10 * time.Second)
		if g.status().State != vrrp.StateBackup {
			return
		}
		for _, id := range ids {
			promised := strings.Contains(g.explained(), "would take over if "+id.String()+" recovered")
			trial := newRig(t, settings(priority(own), tracks(vrrp.Track{ID: ids[0], Weight: a}, vrrp.Track{ID: ids[1], Weight: b})))
			for i, c := range g.status().Tracks {
				state := c.State
				if ids[i] == id {
					state = vrrp.TrackUp
				}
				trial.step(observed(ids[i], state))
			}
			before := g
			g = trial
			hear(10 * time.Second)
			g = before
			if took := trial.status().State == vrrp.StateMaster; took != promised {
				rt.Fatalf("%s recovered: promised %v, took over %v\n%s", id, promised, took, g.explained())
			}
		}
	})
}
