package vrrp_test

import (
	"fmt"
	"testing"

	"github.com/vipd/vipd/vrrp"
)

// Priorities are sums of integers that are cut to 1 to 254 at the end and
// nowhere before, for every priority, weight and state.
func TestPriorityArithmetic(t *testing.T) {
	adds := func(weight int, up bool) int {
		if (weight > 0) == up {
			return weight
		}
		return 0
	}
	cut := func(sum int) int {
		switch {
		case sum < 1:
			return 1
		case sum > 254:
			return 254
		}
		return sum
	}
	for base := 1; base <= 254; base++ {
		for weight := vrrp.MinWeight; weight <= vrrp.MaxWeight; weight++ {
			for _, up := range []bool{true, false} {
				for _, reverse := range []bool{true, false} {
					o := vrrp.Observed{ID: chkWeb, State: vrrp.TrackDown}
					if up {
						o.State = vrrp.TrackUp
					}
					want := base
					if weight != 0 {
						want = cut(base + adds(weight, up != reverse))
					}
					track := vrrp.Track{ID: chkWeb, Weight: weight, Reverse: reverse}
					if got := vrrp.EffectivePriority(uint8(base), track.Contribute(&o).Delta); int(got) != want {
						t.Fatalf("%d with weight %d, up %v, reverse %v: %d, want %d", base, weight, up, reverse, got, want)
					}
				}
			}
		}
	}
}

// What is adverted is the sum of all that is tracked.
func TestPriorityArithmeticIsAdverted(t *testing.T) {
	ids := []vrrp.TrackID{chkWeb, {Kind: vrrp.TrackPing, Name: "gw"}, {Kind: vrrp.TrackFile, Name: "drain"}}
	for _, c := range []struct {
		base    uint8
		weights [3]int
		value   int // in the file
		want    uint8
	}{
		{100, [3]int{-60, 20, 1}, 0, 60},
		{100, [3]int{-60, 20, 1}, -30, 30},
		{250, [3]int{-100, 100, 1}, 0, 250}, // not 254 - 100
		{250, [3]int{-1, 100, 1}, 0, 254},
		{254, [3]int{-253, 253, 1}, -253, 1},
		{1, [3]int{-253, 253, 1}, 0, 1},
		{1, [3]int{-1, 1, 3}, 84, 253},
		{2, [3]int{-1, 0, 1}, 0, 1},
		{254, [3]int{-1, 0, 1}, 0, 253},
	} {
		var all []vrrp.Track
		for i, id := range ids {
			all = append(all, vrrp.Track{ID: id, Weight: c.weights[i]})
		}
		g := newRig(t, settings(priority(c.base), tracks(all...)))
		g.step(observed(ids[0], vrrp.TrackDown))
		g.step(observed(ids[1], vrrp.TrackUp))
		g.step(&vrrp.Observed{ID: ids[2], State: vrrp.TrackUp, Value: c.value})
		for g.status().State != vrrp.StateMaster {
			g.log = nil
			g.tick()
		}
		if want := fmt.Sprintf("advert v3 priority %d from 192.0.2.2", c.want); g.log[0] != want {
			t.Errorf("%+v: %s, want %s", c, g.log[0], want)
		}
	}
}
