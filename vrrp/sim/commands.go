package sim

import (
	"fmt"
	"net/netip"
	"strings"
)

// Worlds tells where a command can be carried out, as a set of bits.
type Worlds uint8

// The worlds a scenario can run in.
const (
	Virtual Worlds = 1 << iota // pure engines in virtual time
	Bubble                     // the real runner under testing/synctest
	Real                       // the built binary in network namespaces
)

// Command is one word that may follow "at TIME".
type Command struct {
	Usage  string
	Least  int // arguments
	Most   int // -1 = any number
	Worlds Worlds
	// run carries the command out in the virtual world.
	run func(*run, []string) error
}

const expectUsage = "NODE ROUTER STATE | NODE ROUTER reason|dropped|held|awaits|priority WORD | NODE holds|lacks PREFIX"

// Commands are all commands of scenarios by name.
var Commands = map[string]Command{
	"start":     {"NODE... [resume] [await]", 1, -1, Virtual | Bubble | Real, (*run).start},
	"kill":      {"NODE...", 1, -1, Virtual | Bubble | Real, each((*World).Kill)},
	"poweroff":  {"NODE...", 1, -1, Virtual | Bubble, each((*World).PowerOff)},
	"stop":      {"NODE...", 1, -1, Virtual | Bubble | Real, each((*World).Stop)},
	"pause":     {"NODE...", 1, -1, Virtual | Bubble | Real, each((*World).Pause)},
	"resume":    {"NODE...", 1, -1, Virtual | Bubble | Real, each((*World).Resume)},
	"ready":     {"NODE...", 1, -1, Virtual | Bubble, each((*World).Ready)},
	"reload":    {"NODE FILE", 2, 2, Virtual | Bubble | Real, (*run).reload},
	"link":      {"NODE IFACE up|down", 3, 3, Virtual | Bubble | Real, (*run).link},
	"partition": {"NODE... | NODE...", 3, -1, Virtual | Bubble | Real, (*run).partition},
	"heal":      {"", 0, 0, Virtual | Bubble | Real, (*run).heal},
	"loss":      {"PERCENT", 1, 1, Virtual | Bubble, (*run).loss},
	"duplicate": {"PERCENT", 1, 1, Virtual | Bubble, (*run).duplicate},
	"delay":     {"LEAST [MOST]", 1, 2, Virtual | Bubble, (*run).delay},
	"track":     {"NODE KIND NAME up|down|NUMBER", 4, 4, Virtual | Bubble | Real, (*run).track},
	"standby":   {"NODE ROUTER [force]", 2, 3, Virtual | Bubble | Real, (*run).standby},
	"active":    {"NODE ROUTER", 2, 2, Virtual | Bubble | Real, (*run).active},
	"expect":    {expectUsage, 3, 4, Virtual | Bubble | Real, (*run).expect},
	// Like expect, for what is so by the exact times of the scenario alone: the
	// real world leaves it out.
	"exact": {expectUsage, 3, 4, Virtual | Bubble | Real, (*run).expect},
	"end":   {"", 0, 0, Virtual | Bubble | Real, func(*run, []string) error { return nil }},
}

// Worlds returns where the whole scenario can run.
func (s *Scenario) Worlds() Worlds {
	all := Virtual | Bubble | Real
	for _, step := range s.Steps {
		all &= Commands[step.Name].Worlds
	}
	return all
}

// each makes a command of a fault that takes one node.
func each(do func(*World, string)) func(*run, []string) error {
	return func(r *run, names []string) error {
		if err := r.known(names...); err != nil {
			return err
		}
		for _, name := range names {
			do(r.world, name)
		}
		return nil
	}
}

// known fails for names that are no nodes.
func (r *run) known(names ...string) error {
	for _, name := range names {
		if r.world.byName[name] == nil {
			return fmt.Errorf("unknown node %q", name)
		}
	}
	return nil
}

func (r *run) start(args []string) error {
	var s Start
	var names []string
	for _, word := range args {
		switch word {
		case "resume":
			s.Resume = true
		case "await":
			s.AwaitReady = true
		default:
			names = append(names, word)
		}
	}
	if err := r.known(names...); err != nil {
		return err
	}
	for _, name := range names {
		r.world.Start(name, s)
	}
	return nil
}

func (r *run) reload(args []string) error {
	if err := r.known(args[0]); err != nil {
		return err
	}
	setup, err := r.load(args[0], args[1])
	if err != nil {
		return err
	}
	r.world.SetGroups(args[0], setup.Groups)
	r.world.Reload(args[0], setup.Routers)
	return nil
}

func (r *run) link(args []string) error {
	if err := r.known(args[0]); err != nil {
		return err
	}
	if args[2] != "up" && args[2] != "down" {
		return fmt.Errorf("link is up or down, not %q", args[2])
	}
	r.world.SetLink(args[0], args[1], args[2] == "up")
	return nil
}

func (r *run) partition(args []string) error {
	var sides [][]string
	for _, side := range strings.Split(strings.Join(args, " "), "|") {
		names := strings.Fields(side)
		if err := r.known(names...); err != nil {
			return err
		}
		sides = append(sides, names)
	}
	r.world.Partition(sides...)
	return nil
}

func (r *run) heal([]string) error {
	r.world.Heal()
	return nil
}

func (r *run) loss(args []string) error {
	share, err := parseShare(args[0])
	if err == nil {
		r.world.SetLoss(share)
	}
	return err
}

// expect compares one fact with what it should be.
func (r *run) expect(args []string) error {
	if err := r.known(args[0]); err != nil {
		return err
	}
	if args[1] == "holds" || args[1] == "lacks" {
		p, err := netip.ParsePrefix(args[2])
		if err != nil {
			return fmt.Errorf("parse address: %w", err)
		}
		if r.world.Holds(args[0], p) != (args[1] == "holds") {
			return fmt.Errorf("%s: not so", strings.Join(args, " "))
		}
		return nil
	}
	return r.expectRouter(args)
}
