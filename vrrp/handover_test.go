package vrrp_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

func graceful(c *vrrp.Config) { c.HandOver = vrrp.HandOverGraceful }

// successorGrace is how long after its advert a successor has announced itself.
const successorGrace = 50 * time.Millisecond

// skew1 is the longest skew of settings: that of priority 1.
const skew1 = 996093750 * time.Nanosecond

func announced(words ...string) (all []*vrrp.Announced) {
	for _, p := range prefixes(words...) {
		all = append(all, &vrrp.Announced{Interface: "eth0", Address: p.Addr()})
	}
	return all
}

// newLeaving is a master that was told to stop a moment ago.
func newLeaving(t *testing.T, edit ...func(*vrrp.Config)) *rig {
	t.Helper()
	g := newMaster(t, settings(append(edit, graceful)...))
	g.wait(10 * time.Second) // all announcements are over
	g.log = nil
	g.step(&vrrp.Stop{})
	return g
}

// Priority 0 twice, then silence: no advert, no announcement; the lease is
// refreshed all the time.
func TestSafety_2_1_ServesOnSilently(t *testing.T) {
	t.Parallel()
	g := newLeaving(t)
	g.seen("advert v3 priority 0 from 192.0.2.2", "advert v3 priority 0 from 192.0.2.2", "hand over 192.0.2.100/24")
	if !g.out.Leaving || !g.status().HandingOver || g.status().State != vrrp.StateMaster {
		t.Errorf("leaving %v, %+v", g.out.Leaving, g.status())
	}
	g.wait(1400 * time.Millisecond)
	g.seen("refresh 192.0.2.100/24 6s")
	// Another stop and another's resignation change nothing.
	g.step(&vrrp.Stop{})
	g.advert(lower, 0)
	g.seen("report peer_heard peer 192.0.2.1")
	if n := g.status().Counters.ZeroSent; n != 2 {
		t.Errorf("priority 0 sent %d times", n)
	}
}

// Any non-zero advert is a successor, whatever its priority; the addresses go
// when all of them were announced, or 50 ms after the advert, and 20 for each
// address but the first, or after the last announcement.
func TestSafety_2_3_AnySuccessor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		priority uint8
		announce []string // at 30 ms after the advert
		after    time.Duration
	}{
		{"lower priority", 1, nil, 70 * time.Millisecond},
		{"higher priority", 200, nil, 70 * time.Millisecond},
		{"one of two announced", 50, []string{"192.0.2.100/24"}, 80 * time.Millisecond},
		{"the same one twice", 50, []string{"192.0.2.100/24", "192.0.2.100/24"}, 80 * time.Millisecond},
		{"somebody else's", 50, []string{"192.0.2.7/24", "192.0.2.8/24"}, 70 * time.Millisecond},
		{"all announced", 50, []string{"192.0.2.101/24", "192.0.2.100/24"}, 30 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := newLeaving(t, addresses("192.0.2.100/24", "192.0.2.101/24"))
			g.wait(300 * time.Millisecond)
			g.advert(lower, test.priority)
			heard := g.now
			g.log = nil
			g.wait(30 * time.Millisecond)
			for _, a := range announced(test.announce...) {
				g.step(a)
			}
			g.seen()
			g.tick()
			g.seen("release 192.0.2.100/24,192.0.2.101/24", fmt.Sprintf(
				"master → initialize stop peer 192.0.2.1 priority %d (handed over to 192.0.2.1 after 300ms)", test.priority))
			if got := g.now - heard; got != test.after {
				t.Errorf("removed %v after the advert, want %v", got, test.after)
			}
			if g.out.Leaving || !g.out.Next.IsZero() {
				t.Errorf("still leaving: %+v", g.out)
			}
		})
	}
}

// keepalived puts 200 addresses up before it announces the first, which takes a
// busy machine two seconds, and its skew is over by then: the wait for a successor
// has another bound than what the successor needs.
func TestSafety_2_3_SlowSuccessor(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 200 {
		all = append(all, fmt.Sprintf("192.0.2.%d/24", i+20))
	}
	for name, test := range map[string]struct {
		first, gap, after time.Duration // announcements, and the removal after the advert
	}{
		"announces all":     {1700 * time.Millisecond, time.Millisecond, 1899 * time.Millisecond},
		"announces nothing": {time.Hour, 0, 4030 * time.Millisecond},
		"announces slowly":  {3990 * time.Millisecond, 45 * time.Millisecond, skew1/10 + 4220*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			g := newLeaving(t, interval(100*time.Millisecond), addresses(all...))
			g.wait(60 * time.Millisecond)
			g.advert(lower, 100)
			heard := g.now
			for i, a := range announced(all...) {
				at := heard + test.first + time.Duration(i)*test.gap
				for g.out.Leaving && g.out.Next.Sub(epoch) <= at {
					g.tick()
				}
				if !g.out.Leaving {
					break
				}
				g.now = at
				g.step(a)
			}
			if got := g.now - heard; got != test.after {
				t.Errorf("removed %v after the advert, want %v", got, test.after)
			}
		})
	}
}

// Announcements alone are no successor: it may be a stranger with our address.
func TestSafety_2_3_TakesAnAdvert(t *testing.T) {
	t.Parallel()
	g := newLeaving(t)
	for _, a := range announced("192.0.2.100/24") {
		g.step(a)
	}
	g.log = nil
	g.wait(100 * time.Millisecond)
	g.seen()
	g.advert(lower, 50)
	g.log = nil
	g.tick()
	g.seen("release 192.0.2.100/24", "master → initialize stop peer 192.0.2.1 priority 50 (handed over to 192.0.2.1 after 100ms)")
	if got := g.now; got != fullDown+10*time.Second+100*time.Millisecond {
		t.Errorf("removed at %v", got)
	}
}

// Bound = longest skew + max(250 ms, A/2), and what the successor then needs for
// its addresses, 10 s at most.
func TestSafety_2_4_Bound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		version  uint8
		interval time.Duration
		want     time.Duration
	}{
		{3, time.Second, skew1 + 500*time.Millisecond},
		{3, 100 * time.Millisecond, skew1/10 + 250*time.Millisecond},
		{2, time.Second, skew1 + 500*time.Millisecond},
		{2, 4 * time.Second, skew1 + 2*time.Second},
		{3, 40 * time.Second, 10 * time.Second},
	}
	for _, test := range tests {
		c := settings(graceful, interval(test.interval), func(c *vrrp.Config) { c.Version = test.version })
		if got := vrrp.HandOverBound(c.Version, c.AdvertInterval); got != test.want {
			t.Errorf("version %d, %v: %v, want %v", test.version, test.interval, got, test.want)
		}
		one, three := c, c
		three.Addresses, three.Excluded = prefixes("192.0.2.100/24", "192.0.2.101/24"), prefixes("192.0.2.102/24")
		virtual := three
		virtual.VMAC.Name = "eth0"
		for c, more := range map[*vrrp.Config]time.Duration{&one: 50 * time.Millisecond, &three: 90 * time.Millisecond, &virtual: 0} {
			if got, want := c.LeaveBound(), min(test.want+more, 10*time.Second); got != want {
				t.Errorf("version %d, %v, %d addresses: %v, want %v", test.version, test.interval, len(c.Held()), got, want)
			}
		}
	}
	g := newLeaving(t)
	began := g.now
	for g.out.Leaving {
		g.tick()
	}
	if got := g.now - began; got != skew1+500*time.Millisecond {
		t.Errorf("nobody came: left after %v", got)
	}
	g.inState(vrrp.StateInitialize, vrrp.ReasonStop)
	if d := g.status().LastDetail; d != "nobody took over" {
		t.Errorf("detail %q", d)
	}
}

// Immediate: by configuration, with a strict lease, on a dead interface, and
// when a second stop says so.
func TestSafety_2_6_Immediate(t *testing.T) {
	t.Parallel()
	released := func(g *rig) {
		g.t.Helper()
		if s := g.status(); s.State != vrrp.StateInitialize || g.out.Leaving {
			g.t.Errorf("%v, leaving %v", s.State, g.out.Leaving)
		}
	}
	t.Run("configured", func(t *testing.T) {
		g := newMaster(t, settings())
		g.step(&vrrp.Stop{})
		released(g)
	})
	t.Run("strict lease", func(t *testing.T) {
		g := newMaster(t, settings(graceful, lease(vrrp.LeaseStrict)))
		g.step(&vrrp.Stop{})
		released(g)
	})
	t.Run("asked for", func(t *testing.T) {
		g := newLeaving(t)
		g.log = nil
		g.step(&vrrp.Stop{Immediate: true})
		g.seen("release 192.0.2.100/24", "master → initialize stop")
		released(g)
	})
	t.Run("backup", func(t *testing.T) {
		g := newBackup(t, settings(graceful))
		g.step(&vrrp.Stop{})
		g.seen("backup → initialize stop")
		released(g)
	})
}

// A fault with a usable interface hands over too; when the obstacle is gone at
// the end, the router listens again.
func TestHandOverOnFault(t *testing.T) {
	t.Parallel()
	refuse := configure(settings(graceful))
	refuse.Refused = map[vrrp.RouterID]string{settings().ID: "keepalived"}
	g := newMaster(t, settings(graceful))
	g.step(refuse)
	g.step(linkUp("eth0")) // not a second good-bye
	g.seen("advert v3 priority 0 from 192.0.2.2", "advert v3 priority 0 from 192.0.2.2", "hand over 192.0.2.100/24")
	g.advert(lower, 50)
	g.log = nil
	g.wait(50 * time.Millisecond)
	g.seen("release 192.0.2.100/24",
		"master → fault other_daemon peer 192.0.2.1 priority 50 (keepalived; handed over to 192.0.2.1 after 0s)")

	g = newMaster(t, settings(graceful))
	g.step(refuse)
	g.step(configure(settings(graceful)))
	g.log = nil
	for g.status().State == vrrp.StateMaster {
		g.tick()
	}
	g.inState(vrrp.StateBackup, vrrp.ReasonInterfaceUp)
	g.timer(fullDown)
}

// The interface dies, a lease ends or the daemon freezes during a hand-over:
// the addresses are given up, nothing is said twice.
func TestHandOverInterrupted(t *testing.T) {
	t.Parallel()
	t.Run("lease lost", func(t *testing.T) {
		g := newLeaving(t)
		g.log = nil
		g.step(&vrrp.LeaseLost{ID: settings().ID, Address: settings().Addresses[0]})
		g.seen("release 192.0.2.100/24", "master → initialize stop (nobody took over)")
	})
	t.Run("link down", func(t *testing.T) {
		refuse := configure(settings(graceful))
		refuse.Refused = map[vrrp.RouterID]string{settings().ID: "keepalived"}
		g := newMaster(t, settings(graceful))
		g.step(refuse)
		g.log = nil
		refuse.Refused = nil
		g.step(refuse)
		g.step(&vrrp.Link{Interface: "eth0", Exists: true, Primary: ours})
		g.seen("release 192.0.2.100/24", "master → fault interface_down")
	})
	t.Run("frozen", func(t *testing.T) {
		g := newLeaving(t)
		g.log = nil
		g.sleep(time.Minute)
		g.step(&vrrp.Tick{})
		g.seen("release 192.0.2.100/24", "master → initialize stop (nobody took over)")
	})
	t.Run("configured anew", func(t *testing.T) {
		g := newLeaving(t)
		g.log = nil
		g.step(configure(settings(graceful)))
		g.seen("release 192.0.2.100/24", "master → initialize stop (nobody took over)", "initialize → backup startup")
	})
	t.Run("removed", func(t *testing.T) {
		refuse := configure(settings(graceful))
		refuse.Refused = map[vrrp.RouterID]string{settings().ID: "keepalived"}
		g := newMaster(t, settings(graceful))
		g.step(refuse)
		g.log = nil
		g.step(configure())
		g.seen() // it serves on, and no second priority 0 restarts the skew of the peers
		for g.out.Departing {
			g.tick()
		}
		g.seen("refresh 192.0.2.100/24 6s", "release 192.0.2.100/24", "master → initialize removed (nobody took over)")
	})
}

// A reload during a hand-over changes settings but brings no advert back.
func TestSafety_2_2_ReloadBringsNoAdvertBack(t *testing.T) {
	t.Parallel()
	refuse := configure(settings(graceful))
	refuse.Refused = map[vrrp.RouterID]string{settings().ID: "keepalived"}
	g := newMaster(t, settings(graceful))
	g.step(refuse)
	g.log = nil
	changed := configure(settings(graceful, addresses("192.0.2.100/24", "192.0.2.101/24")))
	changed.Refused = refuse.Refused
	g.step(changed)
	g.seen("hold 192.0.2.100/24,192.0.2.101/24 6s")
	g.wait(900 * time.Millisecond)
	g.seen()
}

// Two ports with one MAC address are worse for a switch than a moment without
// anybody.
func TestSafety_2_3_VirtualMACAtOnce(t *testing.T) {
	t.Parallel()
	virtual := func(c *vrrp.Config) { c.VMAC.Name = "eth0" }
	g := newLeaving(t, virtual)
	g.wait(300 * time.Millisecond)
	g.advert(lower, 50)
	heard := g.now
	g.log = nil
	g.tick()
	g.seen("release 192.0.2.100/24", "master → initialize stop peer 192.0.2.1 priority 50 (handed over to 192.0.2.1 after 300ms)")
	if g.now != heard {
		t.Errorf("removed %v after the advert", g.now-heard)
	}
}
