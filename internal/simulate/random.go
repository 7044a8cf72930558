package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

// Failure is a random script that broke something, as short as it could be
// made.
type Failure struct {
	Seed uint64
	// Script is the text of a scenario without its files.
	Script string
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
		r, err := s.repaired(s.script(seed, steps), true)
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

// script makes a scenario of steps, on the network of its seed.
func (s *Simulation) script(seed uint64, steps []sim.Step) *sim.Scenario {
	sc := s.blank()
	rng := rand.New(rand.NewPCG(seed, 2))
	sc.Options.Seed, sc.Options.DriftPPM = seed, rng.Int64N(200)
	sc.Options.Delay, sc.Options.Jitter = time.Duration(rng.IntN(2_000_000)), time.Duration(rng.IntN(5_000_000))
	sc.Steps = steps
	return sc
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
	at += s.settle() + s.settle()/2
	add("end")
	return steps
}

// pause draws the time to the next fault.
func (s *Simulation) pause(rng *rand.Rand) time.Duration {
	switch rng.IntN(4) {
	case 0:
		return time.Duration(rng.Int64N(int64(s.settle())))
	case 1:
		return time.Duration(rng.IntN(300)) * time.Millisecond
	}
	return time.Duration(rng.IntN(5000)) * time.Millisecond
}

// fault draws one command.
func (s *Simulation) fault(rng *rand.Rand) []string {
	d := s.directors[rng.IntN(len(s.directors))]
	switch rng.IntN(10) {
	case 0, 1, 2:
		return []string{pick(rng, "kill", "poweroff", "stop", "pause", "resume"), d.Name}
	case 3, 4:
		return slices.Concat([]string{"start", d.Name}, pick(rng, nil, nil, []string{"resume"}, []string{"await"}))
	case 5:
		return s.netFault(rng)
	case 6:
		if len(s.changes) > 0 {
			return []string{"reload", d.Name, pick(rng, s.changes...)}
		}
		return []string{"ready", d.Name}
	}
	return ownFault(rng, &d)
}

// netFault draws a fault of the network.
func (s *Simulation) netFault(rng *rand.Rand) []string {
	switch n := rng.IntN(6); {
	case n < 2 && len(s.directors) > 1:
		cut := 1 + rng.IntN(len(s.directors)-1)
		return slices.Concat([]string{"partition"}, s.names()[:cut], []string{"|"}, s.names()[cut:])
	case n == 2:
		return []string{"duplicate", pick(rng, "0", "30")}
	case n == 3:
		return []string{"delay", pick(rng, "0s", "1ms", "20ms"), "25ms"}
	case n == 4:
		return []string{"loss", pick(rng, "0", "10", "50")}
	}
	return []string{"heal"}
}

// ownFault draws a fault of an interface or of something tracked, or an
// operator's order.
func ownFault(rng *rand.Rand, d *Director) []string {
	ifaces, tracks, routers := parts(d)
	switch n := rng.IntN(4); {
	case n == 0 && len(ifaces) > 0:
		return []string{"link", d.Name, pick(rng, ifaces...), pick(rng, "up", "down")}
	case n == 1 && len(routers) > 0:
		order := pick(rng, []string{"active"}, []string{"standby"}, []string{"standby", "force"})
		return slices.Concat([]string{order[0], d.Name, pick(rng, routers...)}, order[1:])
	case n > 1 && len(tracks) > 0:
		t := pick(rng, tracks...)
		state := pick(rng, "up", "down")
		if t.Kind == vrrp.TrackFile {
			state = fmt.Sprint(rng.IntN(200) - 100)
		}
		return []string{"track", d.Name, string(t.Kind), t.Name, state}
	}
	return []string{"start", d.Name}
}

// pick draws one of the values.
func pick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

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
		add(c.Depends())
	}
	for i := range d.Config.Groups {
		add(d.Config.Groups[i].Tracks)
	}
	return ifaces, tracks, routers
}

// repairs are the commands that make everything well.
func (s *Simulation) repairs() [][]string {
	all := [][]string{{"heal"}, {"loss", "0"}}
	for i := range s.directors {
		d := &s.directors[i]
		ifaces, tracks, routers := parts(d)
		for _, name := range ifaces {
			all = append(all, []string{"link", d.Name, name, "up"})
		}
		for _, t := range tracks {
			well := "up"
			if t.Kind == vrrp.TrackFile {
				well = "0"
			}
			all = append(all, []string{"track", d.Name, string(t.Kind), t.Name, well})
		}
		for _, name := range routers {
			all = append(all, []string{"active", d.Name, name})
		}
		all = append(all, []string{"resume", d.Name}, []string{"start", d.Name}, []string{"ready", d.Name})
	}
	return all
}

// shrink drops every step of a failing script that it fails without. Where an
// invariant broke, that is what it has to do: without its repairs any script may
// leave an address on two directors.
func (s *Simulation) shrink(seed uint64, steps []sim.Step) (*Failure, error) {
	judge := s.run
	if r, err := judge(s.script(seed, steps), true); err != nil {
		return nil, err
	} else if len(r.Broken) == 0 {
		judge = s.repaired
	}
	for changed := true; changed; {
		changed = false
		for i := len(steps) - 1; i >= 0; i-- {
			fewer := slices.Delete(slices.Clone(steps), i, i+1)
			r, err := judge(s.script(seed, fewer), true)
			if err != nil {
				return nil, err
			}
			if len(r.Broken) > 0 {
				steps, changed = fewer, true
			}
		}
	}
	sc := s.script(seed, steps)
	r, err := judge(sc, false)
	if err != nil {
		return nil, err
	}
	return &Failure{Seed: seed, Script: sc.String(), Report: r}, nil
}
