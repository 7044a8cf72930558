package sim_test

import (
	"testing"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

// TestHeirsChangeNothing: storms in which every engine is replaced by its own
// image again and again are the same to the last bit.
func TestHeirsChangeNothing(t *testing.T) {
	t.Parallel()
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		plain := newStorm(seed, true)
		plain.run()
		heirs := stormOf(seed, sim.Options{Quiet: true, Engine: func() sim.Engine {
			return &sim.Heirs{Engine: vrrp.NewEngine(), Every: 11}
		}})
		heirs.run()
		if plain.world.Digest() != heirs.world.Digest() {
			t.Errorf("storm %d: another run with heirs", seed)
		}
		report(t, seed, heirs)
	}
}
