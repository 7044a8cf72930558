package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp/sim"
)

// Simulation is what can be run again and again on one set of directors.
type Simulation struct {
	directors []Director
	options   conf.Options
	// changes are the names of the configurations that random scripts reload,
	// files their contents.
	changes []string
	files   map[string][]byte
	// engine replaces the engine of production.
	engine func() sim.Engine
	loader sim.Loader
}

// New prepares simulations of the directors; o is for configurations that a
// scenario brings along.
func New(directors []Director, o conf.Options) *Simulation {
	return &Simulation{directors: directors, options: o, loader: loader(directors, o)}
}

// names returns the directors' names.
func (s *Simulation) names() []string {
	var names []string
	for _, d := range s.directors {
		names = append(names, d.Name)
	}
	return names
}

// Scenario runs the commands of a scenario file. Its nodes are the directors.
func (s *Simulation) Scenario(data []byte) (*Report, error) {
	sc, err := sim.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return s.run(sc, false)
}

// Kill lets one director lose power and come back, or each of them in turn
// when name is empty.
func (s *Simulation) Kill(name string) (*Report, error) {
	victims := []string{name}
	if name == "" {
		victims = s.names()
	} else if !slices.Contains(s.names(), name) {
		return nil, fmt.Errorf("there is no director %q; the directors are %s", name, strings.Join(s.names(), ", "))
	}
	sc := s.blank()
	pause := s.settle()
	at := time.Duration(0)
	add := func(name string, args ...string) {
		sc.Steps = append(sc.Steps, sim.Step{At: at, Name: name, Args: args})
	}
	add("start", s.names()...)
	for _, v := range victims {
		at += pause
		add("poweroff", v)
		at += pause
		add("start", v)
	}
	at += pause
	add("end")
	return s.repaired(sc, false)
}

// repaired runs a scenario that ends with everything well for the time to
// settle.
func (s *Simulation) repaired(sc *sim.Scenario, quiet bool) (*Report, error) {
	r, err := s.run(sc, quiet)
	if err == nil {
		r.findShared(s.settle() / 2)
	}
	return r, err
}

// blank is a scenario without steps.
func (s *Simulation) blank() *sim.Scenario {
	return &sim.Scenario{Options: sim.Options{Delay: 100 * time.Microsecond}, Files: maps.Clone(s.files)}
}

// settle is how long a fault of these configurations may take to heal, in
// whole seconds.
func (s *Simulation) settle() time.Duration {
	longest := time.Second
	for _, d := range s.directors {
		for i := range d.Config.Routers {
			c := &d.Config.Routers[i]
			longest = max(longest, 4*c.MasterDown()+c.HealLease()+c.PreemptDelay)
		}
	}
	return (longest + 2*time.Second).Truncate(time.Second)
}

// run runs a scenario with the directors as its nodes.
func (s *Simulation) run(sc *sim.Scenario, quiet bool) (*Report, error) {
	sc.Nodes = nil
	for _, d := range s.directors {
		sc.Nodes = append(sc.Nodes, sim.Node{Name: d.Name, File: sim.DefaultConfig})
	}
	if sc.Files == nil {
		sc.Files = map[string][]byte{}
	}
	sc.Files[sim.DefaultConfig] = nil
	r := &Report{}
	sc.Options.Quiet, sc.Options.OnHold, sc.Options.Engine = quiet, r.record, s.engine
	res, err := sc.Run(s.loader)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	r.Broken = res.Failures
	lines := strings.Split(strings.TrimSuffix(res.Trace, "\n"), "\n")
	r.Digest = strings.TrimPrefix(lines[len(lines)-1], "digest ")
	if !quiet {
		r.Trace = lines[:len(lines)-1]
	}
	var end time.Duration
	for _, step := range sc.Steps {
		end = max(end, step.At)
	}
	r.finish(end)
	return r, nil
}
