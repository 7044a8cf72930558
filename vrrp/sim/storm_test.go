package sim_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

var (
	storms    = flag.Int("storms", 200, "how many random storms TestStorm runs")
	stormSeed = flag.Uint64("storm", 0, "run only the storm of this seed, with its trace")
)

// found are seeds whose storms once broke an invariant.
var found = []uint64{1201, 1454}

// storm is a random run: nodes, settings and a sequence of faults, all drawn
// from one seed.
type storm struct {
	rng     *rand.Rand
	world   *sim.World
	names   []string
	configs [][]vrrp.Config
}

// newStorm draws a world.
func newStorm(seed uint64, quiet bool) *storm {
	return stormOf(seed, sim.Options{Quiet: quiet})
}

// stormOf draws a world with some options given.
func stormOf(seed uint64, o sim.Options) *storm {
	s := &storm{rng: rand.New(rand.NewPCG(seed, 1))}
	o.Seed = seed
	o.Delay = time.Duration(s.rng.IntN(2_000_000))
	o.Jitter = time.Duration(s.rng.IntN(5_000_000))
	o.DriftPPM = s.rng.Int64N(200)
	s.world = sim.New(o)
	intervals := []time.Duration{100 * time.Millisecond, time.Second, 2 * time.Second}
	version, interval := uint8(3), intervals[s.rng.IntN(len(intervals))]
	if interval >= time.Second && s.rng.IntN(2) == 0 {
		version = 2
	}
	preempt, mode := s.rng.IntN(4) > 0, s.lease(interval)
	shared := func(c *vrrp.Config) {
		c.Version, c.AdvertInterval, c.Preempt, c.Lease = version, interval, preempt, mode
	}
	for i := range 2 + s.rng.IntN(3) {
		name := fmt.Sprint("lb", i+1)
		c := router(s.priority(), shared)
		if s.rng.IntN(2) == 0 {
			c = append(c, router(s.priority(), shared, second)...)
		}
		s.names, s.configs = append(s.names, name), append(s.configs, c)
		s.world.Add(name, c)
		s.world.Start(name, sim.Start{AwaitReady: s.rng.IntN(4) == 0})
	}
	return s
}

// second makes the settings of another router on the same interface.
func second(c *vrrp.Config) {
	c.Name, c.ID.VRID = "mail", 52
	c.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.200/24"), netip.MustParsePrefix("192.0.2.201/24")}
}

func (s *storm) lease(interval time.Duration) vrrp.LeaseMode {
	if interval >= time.Second && s.rng.IntN(3) == 0 {
		return vrrp.LeaseStrict
	}
	return vrrp.LeaseAuto
}

// priority draws from few values, so that ties and owners are common.
func (s *storm) priority() uint8 { return []uint8{1, 50, 100, 100, 150, 254, 255}[s.rng.IntN(7)] }

// fault draws and carries out one fault.
func (s *storm) fault() {
	i := s.rng.IntN(len(s.names))
	name, w := s.names[i], s.world
	switch s.rng.IntN(14) {
	case 0, 1:
		w.Kill(name)
	case 2, 3, 4:
		w.Start(name, sim.Start{Resume: s.rng.IntN(2) == 0, AwaitReady: s.rng.IntN(4) == 0})
	case 5:
		w.Pause(name)
	case 6, 7:
		w.Resume(name)
	case 8:
		w.Stop(name)
	case 9:
		w.SetLink(name, "eth0", false)
	case 10:
		w.SetLink(name, "eth0", true)
	case 11:
		at := 1 + s.rng.IntN(len(s.names)-1)
		w.Partition(s.names[:at], s.names[at:])
	case 12:
		w.Heal()
	case 13:
		s.reload(i)
	}
}

// reload changes the priorities of a node.
func (s *storm) reload(i int) {
	changed := make([]vrrp.Config, len(s.configs[i]))
	copy(changed, s.configs[i])
	for j := range changed {
		changed[j].Priority = s.priority()
	}
	s.configs[i] = changed
	s.world.Reload(s.names[i], changed)
}

// run lets faults come fast and slow, with times of quiet in between, and ends
// with everything repaired.
func (s *storm) run() {
	for range 30 {
		s.fault()
		pause := time.Duration(s.rng.IntN(300)) * time.Millisecond
		switch s.rng.IntN(6) {
		case 0:
			pause = time.Duration(s.rng.IntN(60)) * time.Second
		case 1, 2:
			pause = time.Duration(s.rng.IntN(5000)) * time.Millisecond
		}
		s.world.Run(s.world.Now() + pause)
	}
	s.world.Heal()
	for _, name := range s.names {
		s.world.SetLink(name, "eth0", true)
		s.world.Resume(name)
		s.world.Start(name, sim.Start{})
	}
	s.world.Run(s.world.Now() + 2*time.Minute)
}

// TestStorm throws random faults at random worlds; no invariant may break, and
// every world ends with one master of each router. Rerun a failed one with
// -storm SEED -v.
func TestStorm(t *testing.T) {
	t.Parallel()
	if *stormSeed != 0 {
		s := newStorm(*stormSeed, false)
		s.run()
		for _, line := range s.world.Trace() {
			t.Log(line)
		}
		report(t, *stormSeed, s)
		return
	}
	n := *storms
	if testing.Short() {
		n = min(n, 20)
	}
	seeds := slices.Clone(found)
	for seed := uint64(1); seed <= uint64(n); seed++ {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		s := newStorm(seed, true)
		s.run()
		report(t, seed, s)
	}
}

// report fails the test for what went wrong.
func report(t *testing.T, seed uint64, s *storm) {
	t.Helper()
	for _, v := range s.world.Violations() {
		t.Errorf("storm %d: %s", seed, v)
	}
	masters := map[string]int{}
	for _, name := range s.names {
		for _, r := range s.world.Status(name) {
			if r.State == vrrp.StateMaster {
				masters[r.Name]++
			}
		}
	}
	for _, c := range s.configs {
		for _, r := range c {
			if masters[r.Name] != 1 {
				t.Errorf("storm %d ends with %d masters of %s", seed, masters[r.Name], r.Name)
			}
		}
	}
}
