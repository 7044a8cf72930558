package vrrp_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestKeepalived_Q4_GrowingListKeepsOneMaster: an operator adds an address to
// the master first. keepalived's backup drops its adverts then and becomes a
// second master; ours goes on obeying.
func TestKeepalived_Q4_GrowingListKeepsOneMaster(t *testing.T) {
	t.Parallel()
	for _, c := range []vrrp.Config{settings(version2), settings()} {
		g := newBackup(t, c)
		for range 10 {
			g.wait(time.Second)
			g.advert(higher, 200, func(a *vrrp.Advert) {
				a.List = vrrp.AppendList(nil, prefixes("192.0.2.100/24", "192.0.2.101/24"))
			})
		}
		g.inState(vrrp.StateBackup, vrrp.ReasonStartup)
		g.seen("report address_list peer 192.0.2.3 (virtual addresses differ from ours)")
	}
}

// TestKeepalived_Q6_IntervalZeroIsNotLearned: keepalived and FRR learn the
// interval 0 and take over at once.
func TestKeepalived_Q6_IntervalZeroIsNotLearned(t *testing.T) {
	t.Parallel()
	g := newBackup(t, settings())
	g.advert(higher, 200, func(a *vrrp.Advert) { a.Interval = 0 })
	g.seen("drop interval_zero from 192.0.2.3")
	g.timer(fullDown)
}

// TestUcarp_NeverTakenForVRRP: its packets carry a valid version 2 checksum
// and priority 0 where VRRP has it; only the length gives them away.
func TestUcarp_NeverTakenForVRRP(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, v := range readVectors(t, "captured.jsonl") {
		if v.Reject != string(vrrp.DropLength) {
			continue
		}
		seen++
		g := newBackup(t, settings(version2))
		g.packet(higher, func(p *vrrp.Received) { p.Payload = v.payload(t) })
		g.packet(higher, func(p *vrrp.Received) {
			p.Payload = append(v.payload(t)[:1:1], append([]byte{51}, v.payload(t)[2:]...)...)
		})
		g.timer(fullDown)
		if n := g.status().Counters.Dropped[vrrp.DropLength]; n == 0 {
			t.Errorf("%s: %v", v.Name, g.log)
		}
	}
	if seen == 0 {
		t.Error("no packet of ucarp was captured")
	}
}

// TestKeepalived_Deviations: what its users switch off or on of the RFC.
func TestKeepalived_Deviations(t *testing.T) {
	t.Parallel()
	t.Run("silent to lower", func(t *testing.T) {
		g := newMaster(t, settings(func(c *vrrp.Config) { c.Deviations.SilentToLower, c.TellLower = true, true }))
		g.sleep(2 * time.Second)
		g.log = nil
		g.advert(lower, 90)
		if n := slices.IndexFunc(g.log, func(l string) bool { return strings.HasPrefix(l, "advert") }); n >= 0 {
			t.Errorf("answered: %q", g.log)
		}
		if !slices.Contains(g.log, "report lower_priority peer 192.0.2.1") {
			t.Errorf("not told: %q", g.log)
		}
	})
	t.Run("answers higher", func(t *testing.T) {
		g := newMaster(t, settings(func(c *vrrp.Config) { c.Deviations.AnswerHigher = true }))
		g.sleep(2 * time.Second)
		g.log = nil
		g.advert(higher, 200)
		if len(g.log) == 0 || g.log[0] != "advert v3 priority 100 from 192.0.2.2" {
			t.Errorf("no advert first: %q", g.log)
		}
		g.inState(vrrp.StateBackup, vrrp.ReasonHigherPriority)
	})
	t.Run("deaf owner", func(t *testing.T) {
		g := newMaster(t, settings(priority(255), func(c *vrrp.Config) { c.Deviations.DeafOwner = true }))
		g.sleep(2 * time.Second)
		g.log = nil
		g.advert(higher, 255)
		g.seen()
	})
	t.Run("trusts the master", func(t *testing.T) {
		other := func(a *vrrp.Advert) { a.List = vrrp.AppendList(nil, prefixes("192.0.2.200/24")) }
		for trust, want := range map[bool]int{true: 0, false: 1} {
			g := newBackup(t, settings(func(c *vrrp.Config) { c.Deviations.TrustMaster = trust }))
			g.advert(higher, 200, other)
			if n := g.status().Counters.Dropped[vrrp.DropVRIDClash]; int(n) != want {
				t.Errorf("trust %v: %d dropped", trust, n)
			}
			g.advert(lower, 200, other)
			if n := g.status().Counters.Dropped[vrrp.DropVRIDClash]; int(n) != want+1 {
				t.Errorf("trust %v, a stranger: %d dropped", trust, n)
			}
		}
	})
}

// TestKeepalived_LowerPriorityAnnouncement: garp_lower_prio_repeat and _delay.
func TestKeepalived_LowerPriorityAnnouncement(t *testing.T) {
	t.Parallel()
	for repeat, want := range map[int]string{0: "x5", 2: "x2", -1: ""} {
		g := newMaster(t, settings(func(c *vrrp.Config) { c.Announce.LowerRepeat = repeat }))
		g.sleep(2 * time.Second)
		g.log = nil
		g.advert(lower, 90)
		got := ""
		for _, l := range g.log {
			if strings.Contains(l, "gratuitous") || strings.Contains(l, "announce") {
				got = l
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("repeat %d: %q of %q", repeat, got, g.log)
		}
	}
}

// TestKeepalived_RepeatedAddress: what is configured twice is advertised twice,
// because a keepalived with the same file counts it twice and complains of
// another number; it is held once.
func TestKeepalived_RepeatedAddress(t *testing.T) {
	t.Parallel()
	c := settings(addresses("192.0.2.100/24", "192.0.2.101/24", "192.0.2.100/24"), func(c *vrrp.Config) { c.Excluded = prefixes("192.0.2.101/24") })
	if held := c.Held(); !slices.Equal(held, prefixes("192.0.2.100/24", "192.0.2.101/24")) {
		t.Errorf("held: %v", held)
	}
	g := newRig(t, c)
	g.tick()
	if a := decodeSent(t, g); string(a.List) != string(vrrp.AppendList(nil, c.Addresses)) {
		t.Errorf("sent the list %x", a.List)
	}
	g.log = nil
	g.step(configure(settings(addresses("192.0.2.100/24", "192.0.2.101/24"))))
	g.seen() // nothing comes or goes
}
