package vrrp_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

func startDelay(d time.Duration) func(*vrrp.Config) { return func(c *vrrp.Config) { c.StartDelay = d } }
func preemptDelay(d time.Duration) func(*vrrp.Config) {
	return func(c *vrrp.Config) { c.PreemptDelay = d }
}
func downAdverts(n uint8) func(*vrrp.Config) { return func(c *vrrp.Config) { c.DownAdverts = n } }

// TestKeepalived_Q22_StartDelayDoesNotCompound: with adverts of a lower master
// every second, keepalived had not taken over 10 s after a delay of 3 s. Here
// the delay and one master-down pass, whether adverts are heard or not.
func TestKeepalived_Q22_StartDelayDoesNotCompound(t *testing.T) {
	t.Parallel()
	for name, hears := range map[string]bool{"silence": false, "a lower master": true} {
		g := newRig(t, settings(version2, priority(150), startDelay(3*time.Second)))
		for g.status().State != vrrp.StateMaster && g.now < 20*time.Second {
			g.wait(time.Second)
			if hears {
				g.advert(lower, 100)
			}
		}
		down := vrrp.MasterDownInterval(2, 150, time.Second)
		took := g.status().Since.Sub(epoch)
		if least := 3*time.Second + down; took < least || took > least+time.Second {
			t.Errorf("%s: master after %v, want %v", name, took, least)
		}
	}
}

// TestStartDelay: a better master is obeyed meanwhile, its priority 0 and its
// death do not end the delay, the owner waits as well, and a reload does not
// begin it anew.
func TestStartDelay(t *testing.T) {
	t.Parallel()
	const delay = 10 * time.Second
	g := newRig(t, settings(startDelay(delay)))
	g.advert(higher, 200)
	g.wait(time.Second)
	g.advert(higher, 0)
	g.until(delay - 1)
	g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
	g.until(delay)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterLeft)

	g = newRig(t, settings(startDelay(delay), priority(255)))
	g.until(delay - 1)
	g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
	g.until(delay)
	if s := g.status().State; s != vrrp.StateMaster {
		t.Errorf("the owner is %v after the delay", s)
	}

	g = newRig(t, settings())
	g.until(2 * time.Second)
	g.step(configure(settings(startDelay(delay)), settings(vrid(52), startDelay(delay))))
	g.until(delay + fullDown)
	if took := g.e.Status()[1].Since.Sub(epoch); took != delay+fullDown {
		t.Errorf("a router added later became master at %v, want %v", took, delay+fullDown)
	}
}

// TestPreemptDelay: a lower master is obeyed until the delay has passed, and
// preempted no later than a master-down after it. A better master in between
// begins the delay anew; a dead master is replaced at once.
func TestPreemptDelay(t *testing.T) {
	t.Parallel()
	const delay = 20 * time.Second
	preempted := func(g *rig, from time.Duration) time.Duration {
		for g.status().State != vrrp.StateMaster && g.now < from+time.Minute {
			g.advert(lower, 50)
			g.wait(time.Second)
		}
		return g.status().Since.Sub(epoch) - from
	}
	g := newRig(t, settings(preemptDelay(delay)))
	if took := preempted(g, 0); took < delay || took > delay+fullDown {
		t.Errorf("preempted after %v", took)
	}
	g.inState(vrrp.StateMaster, vrrp.ReasonPreempt)

	g = newRig(t, settings(preemptDelay(delay)))
	for range 10 {
		g.advert(lower, 50)
		g.wait(time.Second)
	}
	g.advert(higher, 200)
	if took := preempted(g, g.now); took < delay || took > delay+fullDown {
		t.Errorf("preempted %v after a better master", took)
	}

	g = newRig(t, settings(preemptDelay(delay)))
	g.advert(lower, 50)
	g.wait(fullDown)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// TestDownAdverts: another number of missing adverts, in both versions, and
// leases that outlive it.
func TestDownAdverts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		version uint8
		n       uint8
		want    time.Duration
	}{
		{3, 1, 1609375 * time.Microsecond}, {3, 10, 10609375 * time.Microsecond}, {2, 5, 5609375 * time.Microsecond},
	} {
		g := newRig(t, settings(func(c *vrrp.Config) { c.Version = tt.version }, downAdverts(tt.n)))
		g.timer(tt.want)
		g.wait(time.Second)
		g.advert(higher, 200)
		g.timer(tt.want)
		g.tick()
		g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
		if lease := g.status().LeaseTime; lease < tt.want+time.Second {
			t.Errorf("%d adverts: lease %v ends before the takeover", tt.n, lease)
		}
	}
}
