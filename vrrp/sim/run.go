package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Result is what running a scenario gave.
type Result struct {
	// Trace is what happened, a line each, with the routers' last states and
	// the digest of the whole run at its end.
	Trace string
	// Failures are expectations that did not hold and broken invariants.
	Failures []string
}

// run is a scenario that runs in the virtual world.
type run struct {
	scenario *Scenario
	world    *World
	loader   Loader
	failures []string
}

// Run runs the scenario in the virtual world until its last step.
func (s *Scenario) Run(load Loader) (*Result, error) {
	r := &run{scenario: s, world: New(s.Options), loader: load}
	if err := r.populate(); err != nil {
		return nil, err
	}
	var end time.Duration
	for _, step := range s.Steps {
		end = max(end, step.At)
		r.world.At(step.At, func() {
			if err := Commands[step.Name].run(r, step.Args); err != nil {
				r.failures = append(r.failures, fmt.Sprintf("line %d, at %v: %v", step.Line, step.At, err))
			}
		})
	}
	r.world.Run(end)
	return &Result{Trace: r.trace(), Failures: append(r.failures, r.world.Violations()...)}, nil
}

// populate adds the nodes.
func (r *run) populate() error {
	for _, n := range r.scenario.Nodes {
		setup, err := r.load(n.Name, n.File)
		if err != nil {
			return err
		}
		r.world.Add(n.Name, setup.Routers)
		r.world.SetGroups(n.Name, setup.Groups)
		for _, a := range n.Addresses {
			addr, err := netip.ParseAddr(a[1])
			if err != nil {
				return fmt.Errorf("address of %s: %w", n.Name, err)
			}
			r.world.SetAddress(n.Name, a[0], addr)
		}
	}
	return nil
}

// load reads a node's configuration out of the scenario file.
func (r *run) load(node, file string) (Setup, error) {
	data, ok := r.scenario.Files[file]
	if !ok {
		return Setup{}, fmt.Errorf("scenario has no file %q", file)
	}
	setup, err := r.loader(node, data)
	if err != nil {
		return Setup{}, fmt.Errorf("load %s for %s: %w", file, node, err)
	}
	return setup, nil
}

// trace returns the trace with the last states and the digest.
func (r *run) trace() string {
	var b strings.Builder
	for _, line := range r.world.Trace() {
		fmt.Fprintln(&b, line)
	}
	for _, name := range r.world.Nodes() {
		for _, s := range r.world.Status(name) {
			fmt.Fprintf(&b, "end %s %s %s, %d adverts sent, %d received\n",
				name, s.Name, s.State, s.Counters.AdvertsSent, s.Counters.AdvertsReceived)
		}
	}
	fmt.Fprintf(&b, "digest %s\n", r.world.Digest())
	return b.String()
}

// expectRouter compares a fact of one router.
func (r *run) expectRouter(args []string) error {
	s, ok := r.find(args[0], args[1])
	if !ok {
		return fmt.Errorf("%s runs no router %q", args[0], args[1])
	}
	if err := Compare(&s, args[2:]); err != nil {
		return fmt.Errorf("%s of %s: %w", args[1], args[0], err)
	}
	return nil
}

// Compare compares what an expect command says of a router, a state or the
// name of a fact and its value, with the router's snapshot.
func Compare(s *vrrp.RouterStatus, args []string) error {
	got, want := s.State.String(), args[len(args)-1]
	if len(args) > 1 {
		switch args[0] {
		case "reason":
			got = string(s.LastReason)
		case "awaits":
			got = fmt.Sprint(s.AwaitsGroup)
		case "priority":
			got = fmt.Sprint(s.Priority)
		case "held":
			got = fmt.Sprint(s.PreemptHeld)
		case "dropped":
			if got = want; s.Counters.Dropped[vrrp.DropReason(want)] == 0 {
				got = fmt.Sprint(s.Counters.Dropped)
			}
		default:
			return fmt.Errorf("unknown fact %q", args[0])
		}
	}
	if got != want {
		return fmt.Errorf("%s, want %s", got, want)
	}
	return nil
}

// find returns the snapshot of a node's router by its name.
func (r *run) find(node, router string) (vrrp.RouterStatus, bool) {
	for _, s := range r.world.Status(node) {
		if s.Name == router {
			return s, true
		}
	}
	return vrrp.RouterStatus{}, false
}
