package vrrp_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestRFC9568_6_4_2_Shutdown: a backup leaves without a word on the wire.
func TestRFC9568_6_4_2_Shutdown(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.step(&vrrp.Stop{})
	g.seen("backup → initialize stop")
	if !g.out.Next.IsZero() {
		t.Error("a deadline is pending after stop")
	}
}

// TestRFC9568_6_4_2_MasterDown: advert, addresses, announcement, news.
func TestRFC9568_6_4_2_MasterDown(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.tick()
	g.seen(
		"advert v3 priority 100 from 192.0.2.2",
		"hold 192.0.2.100/24 6s",
		"announce 192.0.2.100/24 x5",
		"backup → master master_down peer 192.0.2.3 priority 200",
	)
	g.timer(time.Second)
}

// TestRFC9568_6_4_2_PriorityZero: the skew is all that is left to wait.
func TestRFC9568_6_4_2_PriorityZero(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(higher, 0)
	g.seen()
	g.timer(609375 * time.Microsecond)
	g.tick()
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterLeft)
}

// TestRFC9568_6_4_2_PriorityZeroUsesLearnedInterval in version 3.
func TestRFC9568_6_4_2_PriorityZeroUsesLearnedInterval(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	fast := func(a *vrrp.Advert) { a.Interval = 100 * time.Millisecond }
	g.advert(higher, 200, fast)
	g.advert(higher, 0, fast)
	g.timer(vrrp.SkewTime(3, 100, 100*time.Millisecond))
}

// TestKeepalived_Q27_PriorityZeroTwice: peers repeat it, which must not prolong the wait.
func TestKeepalived_Q27_PriorityZeroTwice(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(higher, 0)
	g.sleep(time.Millisecond)
	g.advert(higher, 0)
	g.timer(608375 * time.Microsecond)
	if n := g.status().Counters.ZeroReceived; n != 2 {
		t.Errorf("counted %d", n)
	}
}

// TestPriorityZeroIsTakenBack by any further advert of that master.
func TestPriorityZeroIsTakenBack(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(higher, 0)
	g.advert(higher, 200)
	g.timer(3609375 * time.Microsecond)
	g.tick()
	g.inState(vrrp.StateMaster, vrrp.ReasonMasterDown)
}

// TestSafety_3_3_PriorityZeroFromOther: a late last will does not depose anyone.
func TestSafety_3_3_PriorityZeroFromOther(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(lower, 0)
	g.seen("drop zero_not_master from 192.0.2.1")
	g.timer(3609375 * time.Microsecond)
	if n := g.status().Counters.ZeroReceived; n != 0 {
		t.Errorf("counted %d as received", n)
	}
}

// TestPriorityZeroFromPassedOver: the master we were about to preempt leaves.
func TestPriorityZeroFromPassedOver(t *testing.T) {
	t.Parallel()
	g := newRig(t, settings())
	g.until(3600 * time.Millisecond)
	g.step(configure(settings(), settings(vrid(52), addresses("192.0.2.200/24"))))
	g.until(5 * time.Second)
	g.log = nil
	g.packet(lower, func(p *vrrp.Received) { p.Payload = advertOf(52, 50, "192.0.2.200/24") })
	g.packet(lower, func(p *vrrp.Received) { p.Payload = advertOf(52, 0, "192.0.2.200/24") })
	s := g.e.Status()[1]
	if left := s.Deadline.Sub(epoch) - g.now; left != 609375*time.Microsecond || s.Counters.ZeroReceived != 1 {
		t.Errorf("%d resignations, timer %v", s.Counters.ZeroReceived, left)
	}
}

// advertOf encodes a version 3 advert at 1 s from lower.
func advertOf(id, priority uint8, addresses ...string) []byte {
	a := vrrp.Advert{
		Version: 3, VRID: id, Priority: priority, Interval: time.Second,
		List: vrrp.AppendList(nil, prefixes(addresses...)),
	}
	return vrrp.Encode(nil, &a, vrrp.Path{Family: vrrp.IPv4, Src: lower, Dst: group}, vrrp.ChecksumPseudo)
}

// TestRFC9568_6_4_2_Obey: what restarts the master-down timer and what not.
func TestRFC9568_6_4_2_Obey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		edit     func(*vrrp.Config)
		priority uint8
		obeyed   bool
	}{
		{"higher", priority(100), 101, true},
		{"equal never preempts in backup", priority(100), 100, true},
		{"lower, preempt", priority(100), 99, false},
		{"lower, no preempt", noPreempt, 1, true},
		{"owner", priority(100), 255, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newBackup(t, settings(tt.edit))
			g.sleep(time.Second)
			g.advert(lower, tt.priority)
			if tt.obeyed {
				g.timer(3609375 * time.Microsecond)
			} else {
				g.timer(2609375 * time.Microsecond)
			}
			g.seen()
		})
	}
}

// TestRFC9568_6_4_2_PreemptWithinMasterDown: a lower master is not deposed at
// once, but its adverts do not delay us either.
func TestRFC9568_6_4_2_PreemptWithinMasterDown(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	for i := 0; i < 3; i++ {
		g.wait(time.Second)
		g.advert(lower, 50)
	}
	g.tick()
	g.seen(
		"advert v3 priority 100 from 192.0.2.2",
		"hold 192.0.2.100/24 6s",
		"announce 192.0.2.100/24 x5",
		"backup → master preempt peer 192.0.2.1 priority 50",
	)
}

// TestRFC9568_6_1_OwnerAlwaysPreempts whatever Preempt_Mode says.
func TestRFC9568_6_1_OwnerAlwaysPreempts(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(priority(255), noPreempt))
	g.advert(higher, 255)
	g.inState(vrrp.StateBackup, vrrp.ReasonTieBreak)
	g.advert(lower, 200)
	before := g.deadline()
	g.sleep(time.Second)
	g.advert(lower, 200)
	if g.deadline() != before-time.Second {
		t.Error("an owner obeyed a lower priority")
	}
}
