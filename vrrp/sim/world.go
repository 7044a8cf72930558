package sim

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Options set the nature of a world. The zero value is a perfect one: exact
// clocks and a network without delay.
type Options struct {
	Seed uint64
	// Delay is the least time a packet takes; up to Jitter is added.
	Delay, Jitter time.Duration
	// DriftPPM bounds how many millionths a node's clock is fast or slow.
	DriftPPM int64
	// Loss is the share of packets that are lost for each receiver, 0 to 1.
	Loss float64
	// Duplicate is the share of packets that arrive twice, 0 to 1. Packets
	// overtake each other as far as the jitter allows.
	Duplicate float64
	// OnHold, if set, is told whenever an address comes to a node or goes.
	OnHold func(at time.Duration, node string, iface string, address netip.Prefix, held bool)
	// Engine makes the engine of a daemon that starts, a real one if unset.
	Engine func() Engine
	// Stage, if set, runs whole daemons in place of engines.
	Stage Stage
	// Quiet keeps no trace, only its digest; for long runs.
	Quiet bool
}

// World holds nodes that share segments: interfaces of the same name are on
// the same segment. It is not safe for concurrent use.
type World struct {
	opts   Options
	rng    *rand.Rand
	now    time.Duration
	queue  queue
	nodes  []*node
	byName map[string]*node
	segs   []string // in order of appearance, for numbering
	sides  int      // of the network; more than one while it is split
	record *recorder
	// The one advert that is spoiled.
	spoil            Spoil
	spoilAt, adverts int
	checker          *checker
}

// New returns an empty world at time zero.
func New(o Options) *World {
	if o.Engine == nil {
		o.Engine = func() Engine { return vrrp.NewEngine() }
	}
	w := &World{
		opts:   o,
		sides:  1,
		rng:    rand.New(rand.NewPCG(o.Seed, 112)),
		byName: make(map[string]*node),
		record: newRecorder(o.Quiet),
	}
	w.checker = newChecker(w)
	w.checkRegularly()
	return w
}

// Add places a node that runs the routers once it is started.
func (w *World) Add(name string, routers []vrrp.Config) {
	n := &node{
		world: w, name: name, number: len(w.nodes) + 1, routers: routers,
		kernel: kernel{}, planned: never, wake: never, links: make(map[string]*vrrp.Link), heard: make(map[vrrp.RouterID]bool),
		observed: make(map[vrrp.TrackID]vrrp.Observed), lifted: make(map[vrrp.RouterID]time.Duration),
	}
	if w.opts.DriftPPM > 0 {
		n.clock = clock{
			offset: time.Duration(w.rng.Int64N(int64(time.Hour))),
			ppm:    w.rng.Int64N(2*w.opts.DriftPPM+1) - w.opts.DriftPPM,
		}
	}
	w.nodes = append(w.nodes, n)
	w.byName[name] = n
	n.plug()
	w.checker.regroup()
}

// SetAddress gives a node's interface another primary address than the one
// that follows from its place.
func (w *World) SetAddress(name, iface string, addr netip.Addr) {
	n := w.byName[name]
	n.link(iface).Primary = addr
	n.feedLink(iface)
}

// Now returns the time since the world began.
func (w *World) Now() time.Duration { return w.now }

// At plans a command.
func (w *World) At(at time.Duration, do func()) { w.queue.plan(at, do) }

// Run lets everything happen up to and including the instant until.
func (w *World) Run(until time.Duration) {
	if w.opts.Stage != nil {
		w.opts.Stage.Run(w, until)
		return
	}
	w.Advance(until)
}

// Advance does what is planned up to and including the instant until. What
// commands did since is looked at first: by the next happening it may be long
// over.
func (w *World) Advance(until time.Duration) {
	w.settle()
	for {
		h, ok := w.queue.take(until)
		if !ok {
			break
		}
		w.now = h.at
		h.do()
		w.settle()
	}
	w.now = until
	w.settle()
}

// settle checks the invariants once nothing moves.
func (w *World) settle() {
	if w.opts.Stage != nil {
		w.opts.Stage.Settle()
	}
	w.checker.check()
}

// Next returns when the next thing is planned; there always is one.
func (w *World) Next() time.Duration { return w.queue.items[0].at }

// Nodes returns the names of all nodes in the order of Add.
func (w *World) Nodes() []string {
	names := make([]string, len(w.nodes))
	for i, n := range w.nodes {
		names[i] = n.name
	}
	return names
}

// Status returns the snapshots of a node's routers, nil when it does not run.
func (w *World) Status(name string) []vrrp.RouterStatus {
	if n := w.byName[name]; n != nil && n.engine != nil {
		return n.engine.Status()
	}
	return nil
}

// Holds reports whether the address is on an interface of the node.
func (w *World) Holds(name string, p netip.Prefix) bool {
	n := w.byName[name]
	return n != nil && slices.ContainsFunc(n.kernel, func(e *entry) bool { return e.prefix == p })
}

// Trace returns what happened, a line each: time, node, event.
func (w *World) Trace() []string { return w.record.lines }

// Digest identifies the whole run, including what the trace leaves out.
func (w *World) Digest() string { return w.record.digest() }

// Violations returns the broken invariants, at most a few of each kind.
func (w *World) Violations() []string {
	w.checker.lateness()
	return w.checker.violations
}

// segment numbers the segments from 0 in order of appearance.
func (w *World) segment(iface string) int {
	i := slices.Index(w.segs, iface)
	if i < 0 {
		w.segs = append(w.segs, iface)
		i = len(w.segs) - 1
	}
	return i
}

// note writes one line to the trace.
func (w *World) note(who, what string) { w.record.note(w.now, who, what) }
