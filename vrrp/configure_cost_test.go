package vrrp_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// largeGroup is a sync group of n routers, each of which tracks a script of
// its own, and one router that holds a list of addresses.
func largeGroup(n int, held []netip.Prefix) *vrrp.Configure {
	c := &vrrp.Configure{Groups: []vrrp.Group{{Name: "all"}}}
	for i := range n {
		r := settings(vrid(uint8(i + 1)))
		r.Name = fmt.Sprint("i", i)
		r.Tracks = []vrrp.Track{{ID: vrrp.TrackID{Kind: vrrp.TrackScript, Name: r.Name}, Weight: -1}}
		c.Routers, c.Groups[0].Members = append(c.Routers, r), append(c.Groups[0].Members, r.ID)
	}
	c.Routers[0].Excluded = held
	return c
}

func manyPrefixes(n int) (all []netip.Prefix) {
	for i := range n {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 32))
	}
	return all
}

// TestLargeConfigurationsDelayNothing: events that concern a whole sync group
// or a list of thousands of addresses are handled between two adverts. If the
// cost grew with the cube of the group, or the square of the list, that would
// take many times as long as is allowed here.
func TestLargeConfigurationsDelayNothing(t *testing.T) {
	const members, tries, most = 255, 5, 100 * time.Millisecond
	held := manyPrefixes(2284)
	there := slices.Clone(held)
	slices.Reverse(there)
	changed := append(slices.Clone(there[1:]), netip.MustParsePrefix("10.2.0.1/32"))

	e, now := vrrp.NewEngine(), epoch
	e.Step(now, linkUp("eth0"))
	e.Step(now, largeGroup(members, held))
	for i := range members {
		e.Step(now, &vrrp.Observed{ID: vrrp.TrackID{Kind: vrrp.TrackScript, Name: fmt.Sprint("i", i)}, State: vrrp.TrackUp})
	}
	now = now.Add(10 * time.Second)
	e.Step(now, &vrrp.Tick{})
	for _, s := range e.Status() {
		if s.State != vrrp.StateMaster {
			t.Fatalf("%s is %v", s.Name, s.State)
		}
	}
	down := vrrp.TrackID{Kind: vrrp.TrackScript, Name: "i7"}
	for _, tt := range []struct {
		name  string
		there vrrp.Event
		back  vrrp.Event
	}{
		{"the same", largeGroup(members, held), largeGroup(members, held)},
		{"another order of addresses", largeGroup(members, there), largeGroup(members, held)},
		{"one address for another", largeGroup(members, changed), largeGroup(members, held)},
		{"a script fails and recovers", &vrrp.Observed{ID: down, State: vrrp.TrackDown}, &vrrp.Observed{ID: down, State: vrrp.TrackUp}},
		{"the interface comes again", linkUp("eth0"), linkUp("eth0")},
	} {
		best := time.Hour
		for range tries {
			begin := time.Now()
			e.Step(now, tt.there)
			e.Step(now, tt.back)
			best = min(best, time.Since(begin)/2)
		}
		t.Logf("%s: %v", tt.name, best)
		if best > most {
			t.Errorf("%s: the best of %d took %v", tt.name, tries, best)
		}
	}
	for _, s := range e.Status() {
		if s.State != vrrp.StateMaster {
			t.Errorf("%s is %v afterwards", s.Name, s.State)
		}
	}
}
