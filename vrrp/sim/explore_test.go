package sim_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

// What an exploration may do at a step, besides the packets that it spoils.
var moves = []struct {
	name string
	do   func(w *sim.World, node string)
}{
	{"kill", func(w *sim.World, n string) { w.Kill(n) }},
	{"start", func(w *sim.World, n string) { w.Start(n, sim.Start{}) }},
	{"stop", func(w *sim.World, n string) { w.Stop(n) }},
	{"pause", func(w *sim.World, n string) { w.Pause(n) }},
	{"resume", func(w *sim.World, n string) { w.Resume(n) }},
	{"link down", func(w *sim.World, n string) { w.SetLink(n, "eth0", false) }},
	{"link up", func(w *sim.World, n string) { w.SetLink(n, "eth0", true) }},
}

// spoils are what may happen to one packet of a run.
var spoils = []sim.Spoil{{}, {Lost: true}, {Late: 3500 * time.Millisecond}}

// path is one run: a fault at some of its steps, and one spoiled packet.
type path struct {
	nodes  int
	faults []fault
	packet int // number of the packet, from 0
	spoil  sim.Spoil
}

type fault struct {
	step int
	move int // in moves
	node int
}

const (
	// stepLength is shorter than an interval and no part of one, so that the
	// steps of a path meet a cadence in different phases.
	stepLength = 850 * time.Millisecond
	// steps of a path: from the start to beyond the first takeover.
	steps = 12
)

// walk runs a path to its end, lets the world settle with everything well and
// returns what broke.
func (p *path) walk() []string {
	w := sim.New(sim.Options{Delay: time.Millisecond, Quiet: true})
	w.Spoil(p.packet, p.spoil)
	name := func(i int) string { return fmt.Sprint("lb", i+1) }
	for i := range p.nodes {
		w.Add(name(i), router(uint8(200-50*i), func(c *vrrp.Config) { c.HandOver = vrrp.HandOverGraceful }))
		w.Start(name(i), sim.Start{})
	}
	for step := range steps {
		for _, f := range p.faults {
			if f.step == step {
				moves[f.move].do(w, name(f.node))
			}
		}
		w.Run(w.Now() + stepLength)
	}
	for i := range p.nodes {
		w.SetLink(name(i), "eth0", true)
		w.Resume(name(i))
	}
	w.Run(w.Now() + 2*time.Second) // who was told to stop has stopped before the start
	for i := range p.nodes {
		w.Start(name(i), sim.Start{})
	}
	w.Run(w.Now() + 30*time.Second)
	broken := w.Violations()
	if got := masters(w); got != "lb1" {
		broken = append(broken, fmt.Sprintf("ends with master %q", got))
	}
	return broken
}

// explore walks every path of a number of routers with the given number of
// faults, at every step, of every kind, on every router; and each of them with
// one packet spoiled in every way, for every packet of the run up to the given
// number. It returns how many it walked.
func explore(t *testing.T, nodes, depth, packets int) (walked int) {
	t.Helper()
	var descend func(p path, from int)
	descend = func(p path, from int) {
		for packet := range max(1, packets) {
			for i, s := range spoils {
				if i == 0 && packet > 0 || i > 0 && packets == 0 {
					continue
				}
				p.packet, p.spoil = packet, s
				walked++
				if broken := p.walk(); broken != nil {
					t.Fatalf("%+v: %q", p, broken)
				}
			}
		}
		if len(p.faults) == depth {
			return
		}
		for step := from; step < steps; step++ {
			for m := range moves {
				for n := range nodes {
					next := p
					next.faults = append(append([]fault{}, p.faults...), fault{step, m, n})
					descend(next, step)
				}
			}
		}
	}
	descend(path{nodes: nodes}, 0)
	return walked
}

var (
	deep = flag.Bool("deep", false, "let TestExplore walk hundreds of thousands of paths")
	page = flag.String("page", "", "add what TestExplore walked to this file")
)

// TestExplore walks all paths: with two and with three routers, one fault at
// any step and one lost or late packet; with -deep later packets too, and two
// faults.
func TestExplore(t *testing.T) {
	t.Parallel()
	depths := []struct{ nodes, depth, packets int }{{2, 1, 2}, {3, 1, 1}}
	if *deep {
		depths = []struct{ nodes, depth, packets int }{{2, 1, 40}, {3, 1, 60}, {2, 2, 4}, {3, 2, 1}}
	}
	for _, tt := range depths {
		t.Run(fmt.Sprintf("%d routers, %d faults, %d packets", tt.nodes, tt.depth, tt.packets), func(t *testing.T) {
			t.Parallel()
			walked := explore(t, tt.nodes, tt.depth, tt.packets)
			t.Logf("%d paths", walked)
			if *page != "" {
				note(t, fmt.Sprintf("| paths of %d routers with up to %d faults, each of the first %d packets lost or late | %d |\n", tt.nodes, tt.depth, tt.packets, walked))
			}
		})
	}
}

// note adds a row to the page.
func note(t *testing.T, row string) {
	t.Helper()
	f, err := os.OpenFile(*page, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(row); err != nil {
		t.Fatal(err)
	}
}
