package sim_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

var vip = netip.MustParsePrefix("192.0.2.100/24")

// router returns one router's configuration with usual settings.
func router(priority uint8, edit ...func(*vrrp.Config)) []vrrp.Config {
	c := vrrp.Config{
		Name:           "web",
		ID:             vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51},
		Version:        3,
		Priority:       priority,
		AdvertInterval: time.Second,
		Addresses:      []netip.Prefix{vip},
		Preempt:        true,
		Peers:          true,
		Announce:       vrrp.Announce{Repeat: 5, Delay: 5 * time.Second},
	}
	for _, e := range edit {
		e(&c)
	}
	return []vrrp.Config{c}
}

// pair returns a world with two running directors.
func pair(o sim.Options) *sim.World {
	w := sim.New(o)
	w.Add("lb1", router(150))
	w.Add("lb2", router(100))
	w.Start("lb1", sim.Start{})
	w.Start("lb2", sim.Start{})
	return w
}

// masters returns the names of the nodes whose first router is master.
func masters(w *sim.World) string {
	var names []string
	for _, n := range w.Nodes() {
		if s := w.Status(n); len(s) > 0 && s[0].State == vrrp.StateMaster {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}

func TestSameSeedSameDigest(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		w := pair(sim.Options{Seed: seed, Delay: time.Millisecond, Jitter: 10 * time.Millisecond, DriftPPM: 100, Loss: 0.05})
		w.Run(5 * time.Minute)
		return w.Digest()
	}
	if a, b := run(1), run(1); a != b {
		t.Errorf("seed 1 gave %s and %s", a, b)
	}
	if a, b := run(1), run(2); a == b {
		t.Errorf("seeds 1 and 2 both gave %s", a)
	}
}

// TestDigestCoversHidden: what the trace leaves out still counts.
func TestDigestCoversHidden(t *testing.T) {
	t.Parallel()
	run := func(until time.Duration) (int, string) {
		w := pair(sim.Options{})
		w.Run(until)
		return len(w.Trace()), w.Digest()
	}
	lines, digest := run(20 * time.Second)
	more, other := run(25 * time.Second)
	if lines != more || digest == other {
		t.Errorf("%d lines and %s, %d lines and %s", lines, digest, more, other)
	}
}

// TestFailover walks one pair through crash, return and graceful stop.
func TestFailover(t *testing.T) {
	t.Parallel()
	w := pair(sim.Options{Delay: time.Millisecond})
	steps := []struct {
		do    func()
		after time.Duration
		want  string
		holds string
	}{
		{func() {}, 4 * time.Second, "lb1", "lb1"},
		{func() { w.Kill("lb1") }, 4 * time.Second, "lb2", "lb1 lb2"},
		{func() {}, 4 * time.Second, "lb2", "lb2"},
		{func() { w.Start("lb1", sim.Start{}) }, 10 * time.Second, "lb1", "lb1"},
		{func() { w.Stop("lb1") }, time.Second, "lb2", "lb2"},
		{func() { w.PowerOff("lb2") }, time.Second, "", ""},
		{func() { w.Start("lb1", sim.Start{}) }, 4 * time.Second, "lb1", "lb1"},
	}
	for i, s := range steps {
		s.do()
		w.Run(w.Now() + s.after)
		var holders []string
		for _, n := range w.Nodes() {
			if w.Holds(n, vip) {
				holders = append(holders, n)
			}
		}
		if got := strings.Join(holders, " "); masters(w) != s.want || got != s.holds {
			t.Errorf("step %d: master %q and address on %q, want %q and %q", i, masters(w), got, s.want, s.holds)
		}
	}
	if v := w.Violations(); v != nil {
		t.Errorf("violations: %v", v)
	}
}

// TestStrictNeverTwoOwners: at no instant do two nodes hold the address, with a
// kill of the master at any phase of its cadence.
func TestStrictNeverTwoOwners(t *testing.T) {
	t.Parallel()
	strict := func(c *vrrp.Config) { c.Lease = vrrp.LeaseStrict }
	for phase := time.Duration(0); phase < 1100*time.Millisecond; phase += 37 * time.Millisecond {
		w := sim.New(sim.Options{Delay: time.Millisecond, Jitter: time.Millisecond, Seed: uint64(phase)})
		w.Add("lb1", router(150, strict))
		w.Add("lb2", router(254, strict))
		w.Start("lb1", sim.Start{})
		w.Run(10 * time.Second)
		w.Start("lb2", sim.Start{AwaitReady: true})
		w.Run(20*time.Second + phase)
		w.Kill("lb1")
		for end := w.Now() + 10*time.Second; w.Now() < end; w.Run(w.Now() + 5*time.Millisecond) {
			if w.Holds("lb1", vip) && w.Holds("lb2", vip) {
				t.Fatalf("phase %v: two owners at %v", phase, w.Now())
			}
		}
		if masters(w) != "lb2" {
			t.Fatalf("phase %v: master is %q", phase, masters(w))
		}
	}
}

// TestClockDrift: the order of two clocks never changes an engine's view of
// its own deadlines, and no advert is late because of one.
func TestClockDrift(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := sim.Options{
			Seed:     rapid.Uint64().Draw(t, "seed"),
			DriftPPM: rapid.Int64Range(0, 500).Draw(t, "drift"),
			Delay:    time.Duration(rapid.IntRange(0, 5_000_000).Draw(t, "delay")),
		}
		w := pair(o)
		w.Run(100 * time.Second)
		if v := w.Violations(); v != nil || masters(w) != "lb1" {
			t.Fatalf("master %q, violations %v", masters(w), v)
		}
	})
}

// TestTrace is what a reader of a golden file sees.
func TestTrace(t *testing.T) {
	t.Parallel()
	w := pair(sim.Options{Delay: time.Millisecond})
	w.Run(3500 * time.Millisecond)
	want := []string{
		"   0.000000 lb1 * start",
		"   0.000000 lb1 eth0/ipv4/51 initialize → backup startup",
		"   0.000000 lb2 * start",
		"   0.000000 lb2 eth0/ipv4/51 initialize → backup startup",
		"   3.414062 lb1 eth0/ipv4/51 advert v3 priority 150 from 10.0.0.1",
		"   3.414062 lb1 eth0/ipv4/51 hold 192.0.2.100/24 6s",
		"   3.414062 lb1 eth0/ipv4/51 announce 192.0.2.100/24 x5",
		"   3.414062 lb1 eth0/ipv4/51 backup → master master_down",
		"   3.415062 lb2 eth0/ipv4/51 release 192.0.2.100/24",
		"   3.415062 lb2 eth0/ipv4/51 report peer_heard peer 10.0.0.1",
	}
	if diff := cmp.Diff(want, w.Trace()); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkPair is the cost of a second in the life of two directors.
func BenchmarkPair(b *testing.B) {
	w := sim.New(sim.Options{Delay: time.Millisecond, Quiet: true})
	for i := range 2 {
		w.Add(fmt.Sprint("lb", i), router(uint8(100+i)))
		w.Start(fmt.Sprint("lb", i), sim.Start{})
	}
	for b.Loop() {
		w.Run(w.Now() + time.Second)
	}
}
