package vrrp_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestRFC9568_6_4_3_AdvertTimer: a steady cadence at our own interval.
func TestRFC9568_6_4_3_AdvertTimer(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(lease(vrrp.LeaseOff), interval(100*time.Millisecond)))
	g.until(g.now + 10*time.Second)
	g.log = nil
	start := g.now
	for i := 1; i <= 20; i++ {
		g.tick()
		if want := start + time.Duration(i)*100*time.Millisecond; g.now != want {
			t.Fatalf("advert %d at %v, want %v", i, g.now, want)
		}
		g.seen("advert v3 priority 100 from 192.0.2.2")
	}
	if s := g.status(); s.Counters.LatenessMax != 0 || s.Counters.AdvertsLate != 0 {
		t.Errorf("late: %+v", s.Counters)
	}
}

// TestRFC9568_6_4_3_Shutdown: priority 0 first, then the addresses.
func TestRFC9568_6_4_3_Shutdown(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.step(&vrrp.Stop{})
	g.seen(
		"advert v3 priority 0 from 192.0.2.2",
		"advert v3 priority 0 from 192.0.2.2",
		"release 192.0.2.100/24",
		"master → initialize stop",
	)
	if n := g.status().Counters.ZeroSent; n != 2 {
		t.Errorf("counted %d", n)
	}
}

// TestSafety_2_2_StopIsTerminal until the next Configure.
func TestSafety_2_2_StopIsTerminal(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.step(&vrrp.Stop{})
	g.log = nil
	g.step(&vrrp.Stop{})
	g.step(linkUp("eth0"))
	g.sleep(time.Minute)
	g.step(&vrrp.Tick{})
	g.seen()
	g.advert(higher, 200)
	g.seen("drop inactive from 192.0.2.3")
	g.step(configure(settings()))
	g.seen("initialize → backup startup")
}

// TestRFC9568_6_4_3_PriorityZero: another one leaves; we say that we are here.
func TestRFC9568_6_4_3_PriorityZero(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.sleep(200 * time.Millisecond)
	g.advert(higher, 0)
	g.seen("advert v3 priority 100 from 192.0.2.2", "report peer_heard peer 192.0.2.3")
	g.timer(time.Second)
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// TestRFC9568_6_4_3_Election between two masters.
func TestRFC9568_6_4_3_Election(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		own   uint8
		peer  netip.Addr
		other uint8
		state vrrp.State
		why   vrrp.Reason
	}{
		{"higher priority wins", 100, lower, 101, vrrp.StateBackup, vrrp.ReasonHigherPriority},
		{"owner wins", 254, lower, 255, vrrp.StateBackup, vrrp.ReasonHigherPriority},
		{"equal, higher address wins", 100, higher, 100, vrrp.StateBackup, vrrp.ReasonTieBreak},
		{"equal, lower address loses", 100, lower, 100, vrrp.StateMaster, vrrp.ReasonMasterDown},
		{"lower priority loses whatever its address", 100, higher, 99, vrrp.StateMaster, vrrp.ReasonMasterDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newMaster(t, settings(priority(tt.own)))
			g.advert(tt.peer, tt.other)
			g.inState(tt.state, tt.why)
		})
	}
}

// TestRFC9568_6_4_3_Yield: addresses go at once, nothing is sent, and the
// winner's interval is learned.
func TestRFC9568_6_4_3_Yield(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.advert(lower, 200, func(a *vrrp.Advert) { a.Interval = 100 * time.Millisecond })
	g.seen(
		"report interval_differ peer 192.0.2.1 (interval differs from ours)",
		"release 192.0.2.100/24",
		"master → backup higher_priority peer 192.0.2.1 priority 200",
		"report peer_heard peer 192.0.2.1",
	)
	g.timer(vrrp.MasterDownInterval(3, 100, 100*time.Millisecond))
	g.until(g.now + 300*time.Millisecond)
	g.seen()
}

// TestRFC9568_6_4_3_LosingAdvert: tell the other master at once and do not
// touch the advert timer. Hosts may have learned it: announce again.
func TestRFC9568_6_4_3_LosingAdvert(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.until(g.now + 1500*time.Millisecond)
	g.log = nil
	before := g.deadline()
	g.advert(lower, 50)
	g.seen(
		"advert v3 priority 100 from 192.0.2.2",
		"announce 192.0.2.100/24 x5",
		"report peer_heard peer 192.0.2.1",
	)
	g.timer(before)
	g.sleep(100 * time.Millisecond)
	g.advert(lower, 50)
	g.seen("advert v3 priority 100 from 192.0.2.2")
}

// TestReassertIsBounded: a flood of losing adverts and resignations is answered
// at the fastest cadence VRRP knows, and starves no periodic advert.
func TestReassertIsBounded(t *testing.T) {
	t.Parallel()
	for _, p := range []uint8{0, 50} {
		g := newMaster(t, settings())
		before := g.status().Counters.AdvertsSent
		for range 10_000 {
			g.wait(100 * time.Microsecond)
			g.advert(lower, p)
		}
		if sent := g.status().Counters.AdvertsSent - before; sent < 100 || sent > 102 {
			t.Errorf("priority %d: %d adverts in a second", p, sent)
		}
	}
}

// TestRFC9568_erratum8298_TwoOwners elect by address and both say so.
func TestRFC9568_erratum8298_TwoOwners(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(priority(255)))
	g.advert(lower, 255)
	g.inState(vrrp.StateMaster, vrrp.ReasonOwner)
	g.seen(
		"report duplicate_owner peer 192.0.2.1 (two routers claim to own the addresses)",
		"advert v3 priority 255 from 192.0.2.2",
		"report peer_heard peer 192.0.2.1",
	)
	g.advert(higher, 255)
	g.inState(vrrp.StateBackup, vrrp.ReasonTieBreak)
	g.timer(vrrp.MasterDownInterval(3, 255, time.Second))
}

// TestSamePriorityIsReported once for a lasting condition.
func TestSamePriorityIsReported(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings())
	g.advert(lower, 100)
	g.sleep(10 * time.Millisecond)
	g.advert(lower, 100)
	g.seen(
		"report same_priority peer 192.0.2.1 (another master has our priority)",
		"advert v3 priority 100 from 192.0.2.2",
		"report peer_heard peer 192.0.2.1",
		"advert v3 priority 100 from 192.0.2.2",
	)
}

// TestRFC9568_5_SendsWhatIsConfigured decodes an advert off the wire.
func TestRFC9568_5_SendsWhatIsConfigured(t *testing.T) {
	t.Parallel()
	list := addresses("192.0.2.103/24", "192.0.2.101/24", "192.0.2.102/32")
	for _, c := range []vrrp.Config{settings(list), settings(list, version2), settings(list, func(c *vrrp.Config) { c.Checksum = vrrp.ChecksumPlain })} {
		g := newRig(t, c)
		g.tick()
		a := decodeSent(t, g)
		if a.Version != c.Version || a.VRID != 51 || a.Priority != 100 || a.Interval != time.Second || a.AuthType != 0 {
			t.Errorf("sent %+v", a)
		}
		if want := vrrp.AppendList(nil, c.Addresses); string(a.List) != string(want) {
			t.Errorf("sent the list %x, want %x", a.List, want)
		}
		if c.Version == 3 && a.Form != c.Checksum {
			t.Errorf("checksum form %d, want %d", a.Form, c.Checksum)
		}
	}
}
