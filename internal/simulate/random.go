package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

// Failure is a random script that broke something, as short as it could be
// made.
type Failure struct {
	Seed   uint64
	Script string // a scenario file's commands
	Report *Report
}

// Random runs n random scripts of faults with the seeds from first on and
// returns a digest of all runs. It stops at the first that breaks an
// invariant. progress, if set, is called after every run.
func (s *Simulation) Random(n int, first uint64, progress func(done int)) (digest string, f *Failure, err error) {
	sum := sha256.New()
	for i := range n {
		seed := first + uint64(i)
		steps := s.randomSteps(seed)
		r, err := s.runSteps(seed, steps, true)
		if err != nil {
			return "", nil, err
		}
		fmt.Fprintln(sum, seed, r.Digest)
		if len(r.Broken) > 0 {
			f, err := s.shrink(seed, steps)
			return "", f, err
		}
		if progress != nil {
			progress(i + 1)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil, nil
}

// runSteps runs a script on the network of its seed.
func (s *Simulation) runSteps(seed uint64, steps []sim.Step, quiet bool) (*Report, error) {
	sc := s.blank()
	rng := rand.New(rand.NewPCG(seed, 2))
	sc.Options.Seed, sc.Options.DriftPPM = seed, rng.Int64N(200)
	sc.Options.Delay, sc.Options.Jitter = time.Duration(rng.IntN(2_000_000)), time.Duration(rng.IntN(5_000_000))
	sc.Steps = slices.Clone(steps)
	return s.run(sc, quiet)
}

const randomFaults = 20

// randomSteps draws a script: faults come fast and slow; in the end everything
// is repaired and gets the time to settle.
func (s *Simulation) randomSteps(seed uint64) []sim.Step {
	rng := rand.New(rand.NewPCG(seed, 1))
	at := time.Duration(0)
	var steps []sim.Step
	add := func(words ...string) {
		steps = append(steps, sim.Step{At: at, Name: words[0], Args: words[1:]})
	}
	add(append([]string{"start"}, s.names()...)...)
	for range randomFaults {
		at += s.pause(rng)
		add(s.fault(rng)...)
	}
	at += time.Second
	for _, words := range s.repairs() {
		add(words...)
	}
	at += 2 * s.settle()
	add("end")
	return steps
}

// pause draws the time to the next fault.
func (s *Simulation) pause(rng *rand.Rand) time.Duration {
	switch rng.IntN(4) {
	case 0:
		return time.Duration(rng.Int64N(int64(2 * s.settle())))
	case 1:
		return time.Duration(rng.IntN(300)) * time.Millisecond
	}
	return time.Duration(rng.IntN(5000)) * time.Millisecond
}

// fault draws one command.
func (s *Simulation) fault(rng *rand.Rand) []string {
	d := s.directors[rng.IntN(len(s.directors))]
	ifaces, tracks, routers := parts(&d)
	switch n := rng.IntN(16); {
	case n < 5:
		return []string{[]string{"kill", "poweroff", "stop", "pause", "resume"}[n], d.Name}
	case n < 8:
		return []string{"start", d.Name}
	case n == 8 && len(ifaces) > 0:
		return []string{"link", d.Name, ifaces[rng.IntN(len(ifaces))], "down"}
	case n == 9 && len(ifaces) > 0:
		return []string{"link", d.Name, ifaces[rng.IntN(len(ifaces))], "up"}
	case n < 13 && len(tracks) > 0:
		t := tracks[rng.IntN(len(tracks))]
		return []string{"track", d.Name, string(t.Kind), t.Name, []string{"up", "down"}[rng.IntN(2)]}
	case n == 13 && len(routers) > 0:
		return []string{[]string{"standby", "active"}[rng.IntN(2)], d.Name, routers[rng.IntN(len(routers))]}
	case n == 14 && len(s.directors) > 1:
		cut := 1 + rng.IntN(len(s.directors)-1)
		return slices.Concat([]string{"partition"}, s.names()[:cut], []string{"|"}, s.names()[cut:])
	}
	return []string{"heal"}
}

// parts lists what can fail in a director: interfaces, tracked things,
// instances.
func parts(d *Director) (ifaces []string, tracks []vrrp.TrackID, routers []string) {
	add := func(all []vrrp.Track) {
		for _, t := range all {
			if t.ID.Kind == vrrp.TrackInterface {
				ifaces = append(ifaces, t.ID.Name)
			} else {
				tracks = append(tracks, t.ID)
			}
		}
	}
	for i := range d.Config.Routers {
		c := &d.Config.Routers[i]
		ifaces, routers = append(ifaces, c.ID.Interface), append(routers, c.Name)
		add(c.Tracks)
	}
	for i := range d.Config.Groups {
		add(d.Config.Groups[i].Tracks)
	}
	return ifaces, tracks, routers
}

// repairs are the commands that make everything well.
func (s *Simulation) repairs() [][]string {
	all := [][]string{{"heal"}}
	for i := range s.directors {
		d := &s.directors[i]
		ifaces, tracks, routers := parts(d)
		for _, name := range ifaces {
			all = append(all, []string{"link", d.Name, name, "up"})
		}
		for _, t := range tracks {
			all = append(all, []string{"track", d.Name, string(t.Kind), t.Name, "up"})
		}
		for _, name := range routers {
			all = append(all, []string{"active", d.Name, name})
		}
		all = append(all, []string{"resume", d.Name}, []string{"start", d.Name})
	}
	return all
}

// shrink drops every step of a failing script that it fails without.
func (s *Simulation) shrink(seed uint64, steps []sim.Step) (*Failure, error) {
	for changed := true; changed; {
		changed = false
		for i := len(steps) - 1; i >= 0; i-- {
			fewer := slices.Delete(slices.Clone(steps), i, i+1)
			r, err := s.runSteps(seed, fewer, true)
			if err != nil {
				return nil, err
			}
			if len(r.Broken) > 0 {
				steps, changed = fewer, true
			}
		}
	}
	r, err := s.runSteps(seed, steps, false)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", seed)
	for _, step := range steps {
		fmt.Fprintf(&b, "at %v %s %s\n", step.At, step.Name, strings.Join(step.Args, " "))
	}
	return &Failure{Seed: seed, Script: b.String(), Report: r}, nil
}
