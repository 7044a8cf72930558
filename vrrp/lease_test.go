package vrrp_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/vrrp"
)

func TestLeaseTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode     vrrp.LeaseMode
		interval time.Duration
		want     time.Duration
	}{
		{vrrp.LeaseHeal, 10 * time.Millisecond, 5 * time.Second},
		{vrrp.LeaseHeal, time.Second, 6 * time.Second},
		{vrrp.LeaseHeal, 10 * time.Second, 42 * time.Second},
		{vrrp.LeaseStrict, time.Second, 2 * time.Second},
		{vrrp.LeaseStrict, 2 * time.Second, 5 * time.Second},
		{vrrp.LeaseStrict, 10 * time.Second, 29 * time.Second},
		{vrrp.LeaseOff, time.Second, 0},
	}
	for _, tt := range tests {
		if got := vrrp.LeaseTime(tt.mode, tt.interval); got != tt.want {
			t.Errorf("%v at %v: %v, want %v", tt.mode, tt.interval, got, tt.want)
		}
	}
}

// TestSafety_1_2_LeaseBounds states what the modes promise, for every interval, both
// versions and every priority.
func TestSafety_1_2_LeaseBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom([]uint8{2, 3}).Draw(t, "version")
		interval := 10 * time.Millisecond * time.Duration(rapid.IntRange(1, 4095).Draw(t, "interval"))
		if version == 2 {
			interval = time.Second * time.Duration(rapid.IntRange(1, 255).Draw(t, "seconds"))
		}
		priority := rapid.Uint8Range(1, 254).Draw(t, "priority")
		takeover := vrrp.MasterDownInterval(version, priority, interval)

		heal := vrrp.LeaseTime(vrrp.LeaseHeal, interval)
		if heal%time.Second != 0 || heal < takeover+time.Second {
			t.Fatalf("heal lease %v ends before the takeover after %v", heal, takeover)
		}
		if interval < time.Second {
			return
		}
		const kernelSlack = 200 * time.Millisecond
		strict := vrrp.LeaseTime(vrrp.LeaseStrict, interval)
		if strict%time.Second != 0 || strict+kernelSlack >= takeover {
			t.Fatalf("strict lease %v does not end before the takeover after %v", strict, takeover)
		}
		if strict <= interval {
			t.Fatalf("strict lease %v ends before the next advert after %v", strict, interval)
		}
	})
}

// holdsOf returns the Hold actions of the last step.
func holdsOf(g *rig) []vrrp.Hold {
	var holds []vrrp.Hold
	for _, a := range g.out.Actions {
		if h, ok := a.(*vrrp.Hold); ok {
			holds = append(holds, *h)
		}
	}
	return holds
}

// TestHealRefresh: every second, each good for less than the next.
func TestHealRefresh(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(interval(10*time.Second)))
	start := g.now
	var at []time.Duration
	for g.now < start+5*time.Second {
		g.tick()
		for _, h := range holdsOf(g) {
			at = append(at, g.now-start)
			if !h.Refresh || h.AfterAdvert || h.Lease != 42*time.Second || h.Deadline.Sub(epoch) != g.now+time.Second {
				t.Errorf("refresh %+v at %v", h, g.now)
			}
		}
	}
	if len(at) != 5 || at[4] != 5*time.Second {
		t.Errorf("refreshed at %v", at)
	}
}

// TestSafety_1_3_StrictRefreshFollowsAdverts hangs on adverts, also on those out of turn.
func TestSafety_1_3_StrictRefreshFollowsAdverts(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(lease(vrrp.LeaseStrict)))
	h := holdsOf(g)[0]
	if !h.AfterAdvert || h.Refresh || h.Lease != 2*time.Second {
		t.Errorf("first hold %+v", h)
	}
	g.until(g.now + 990*time.Millisecond)
	g.log = nil
	g.advert(lower, 0)
	g.seen("advert v3 priority 100 from 192.0.2.2", "refresh 192.0.2.100/24 2s", "report peer_heard peer 192.0.2.1")
	if h := holdsOf(g)[0]; !h.AfterAdvert || h.Deadline.Sub(epoch)-g.now+h.Lease+200*time.Millisecond > 3007812500 {
		t.Errorf("a refresh written at its deadline outlives the fastest takeover: %+v", h)
	}
	g.wait(time.Second)
	g.seen("announce 192.0.2.100/24 x1", "advert v3 priority 100 from 192.0.2.2", "refresh 192.0.2.100/24 2s")
}

// TestLeaseOffHoldsOnce and for good.
func TestLeaseOffHoldsOnce(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(lease(vrrp.LeaseOff)))
	if h := holdsOf(g)[0]; h.Lease != 0 || !h.Deadline.IsZero() {
		t.Errorf("%+v", h)
	}
	for range 30 {
		g.tick()
		if len(holdsOf(g)) > 0 {
			t.Fatal("held again")
		}
	}
}

// TestSafety_1_4_DefaultMode: permanent while alone, a lease once anybody else could take
// the addresses over.
func TestSafety_1_4_DefaultMode(t *testing.T) {
	t.Parallel()
	auto := settings(lease(vrrp.LeaseAuto))
	g := newMaster(t, auto)
	if s := g.status(); s.Lease != "off" || s.LeaseTime != 0 {
		t.Errorf("alone: %s %v", s.Lease, s.LeaseTime)
	}
	g.advert(lower, 50)
	g.seen(
		"advert v3 priority 100 from 192.0.2.2",
		"report peer_heard peer 192.0.2.1",
		"report lease_mode (off → heal)",
		"hold 192.0.2.100/24 6s",
	)
	g.sleep(10 * time.Millisecond)
	g.advert(lower, 50)
	g.seen("advert v3 priority 100 from 192.0.2.2")

	peers := auto
	peers.Peers = true
	if s := newMaster(t, peers).status(); s.Lease != "heal" {
		t.Errorf("with configured peers: %s", s.Lease)
	}

	g = &rig{t: t, e: vrrp.NewEngine()}
	g.step(linkUp("eth0"))
	g.step(&vrrp.Configure{Routers: []vrrp.Config{auto}, PeerHeard: map[vrrp.RouterID]bool{auto.ID: true}})
	g.log = nil
	g.advert(higher, 200)
	g.seen("release 192.0.2.100/24")
	if s := g.status(); s.Lease != "heal" {
		t.Errorf("with a remembered peer: %s", s.Lease)
	}
}

// TestSafety_1_10_LeaseLost: give the rest up and elect again.
func TestSafety_1_10_LeaseLost(t *testing.T) {
	t.Parallel()
	c := settings(addresses("192.0.2.100/24", "192.0.2.101/24"))
	lost := &vrrp.LeaseLost{ID: c.ID, Address: netip.MustParsePrefix("192.0.2.101/24")}
	g := newMaster(t, c)
	g.step(lost)
	g.seen("release 192.0.2.100/24,192.0.2.101/24", "master → backup lease_lost (192.0.2.101/24)")
	g.timer(3609375 * time.Microsecond)
	g.step(lost)
	g.seen()

	g = newMaster(t, c)
	g.step(&vrrp.LeaseLost{ID: c.ID, Address: netip.MustParsePrefix("192.0.2.7/24")})
	g.step(&vrrp.LeaseLost{ID: vrrp.RouterID{Interface: "eth9", VRID: 51}, Address: lost.Address})
	g.seen()
}

// TestSafety_4_3_SleepCountsBeforeAddressEvents: timers come first, so the reason is the sleep.
func TestSafety_4_3_SleepCountsBeforeAddressEvents(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.sleep(10 * time.Second)
	g.step(&vrrp.LeaseLost{ID: settings().ID, Address: settings().Addresses[0]})
	g.inState(vrrp.StateBackup, vrrp.ReasonSlept)
}

// TestSafety_1_9_EpochGrows with every change of ownership, so that a queued Hold can be
// told from a newer Release.
func TestSafety_1_9_EpochGrows(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	last := holdsOf(g)[0].Epoch
	next := func(what string, epoch uint64) {
		t.Helper()
		if epoch <= last {
			t.Errorf("%s: epoch %d after %d", what, epoch, last)
		}
		last = epoch
	}
	g.tick()
	g.step(configure(settings(addresses("192.0.2.101/24"))))
	next("release of the removed", g.out.Actions[0].(*vrrp.Release).Epoch)
	next("hold of the new set", g.out.Actions[1].(*vrrp.Hold).Epoch)
	g.advert(higher, 200)
	next("release on yielding", g.out.Actions[0].(*vrrp.Release).Epoch)
	for len(holdsOf(g)) == 0 {
		g.tick()
	}
	next("hold after takeover", holdsOf(g)[0].Epoch)
}

// Refreshing stays a fiftieth of the time, and the lease grows with the period.
func TestSafety_1_8_RefreshPeriodGrowsWithItsCost(t *testing.T) {
	t.Parallel()
	for cost, want := range map[time.Duration]time.Duration{
		0: time.Second, 16 * time.Millisecond: time.Second, 20 * time.Millisecond: time.Second,
		21 * time.Millisecond: 2 * time.Second, 1600 * time.Millisecond: 80 * time.Second,
	} {
		if got := vrrp.RefreshPeriod(cost); got != want {
			t.Errorf("%v: %v, want %v", cost, got, want)
		}
	}
	g := newMaster(t, settings())
	g.wait(10 * time.Second)
	g.log = nil
	g.step(&vrrp.RefreshCost{Cost: 20 * time.Millisecond})
	g.seen()
	g.step(&vrrp.RefreshCost{Cost: 200 * time.Millisecond})
	g.seen("refresh 192.0.2.100/24 15s") // longest master-down 4 s + period 10 s + 1 s
	g.wait(10*time.Second - 1)
	for _, line := range g.log {
		if strings.Contains(line, "refresh") {
			t.Fatalf("refreshed within the period: %v", g.log)
		}
	}
	g.wait(1)
	if !slices.Contains(g.log, "refresh 192.0.2.100/24 15s") {
		t.Errorf("not refreshed at the end of the period: %v", g.log)
	}
}
