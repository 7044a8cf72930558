package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Engine makes a node's decisions; *vrrp.Engine is the real one.
type Engine interface {
	Step(now time.Time, ev vrrp.Event) vrrp.Output
	Status() []vrrp.RouterStatus
	Priority(vrrp.RouterID) uint8
}

// node is one director: a kernel and, while the daemon runs, an engine.
type node struct {
	world   *World
	name    string
	number  int // from 1
	clock   clock
	routers []vrrp.Config // what the daemon would read now
	kernel  kernel
	links   map[string]*vrrp.Link
	groups  []vrrp.Group
	// observed and orders outlive the daemon, as its supervisor does.
	observed map[vrrp.TrackID]vrrp.Observed
	orders   []vrrp.Standby
	side     int // of a partition

	// heard and lastAdvert survive the daemon, as the runtime record does.
	heard      map[vrrp.RouterID]bool
	lastAdvert map[vrrp.RouterID]time.Duration

	engine  Engine
	daemon  Daemon // around the engine, nil without a stage
	states  map[vrrp.RouterID]vrrp.State
	running []vrrp.Config // what the engine was configured with
	wake    time.Duration // when the next tick is due
	planned time.Duration // when the queue looks at wake, which is not before
	tick    vrrp.Tick
	// overhears is how long others' announcements are fed to the engine.
	overhears time.Time
	ending    bool // was told to stop
	stopped   bool // and knows it
	paused    bool
	rested    bool // was ever paused
	inbox     []vrrp.Event
	dropped   map[vrrp.Drop]bool // drops already in the trace

	// What the checker knows of the present daemon: its start, its last pause,
	// what its routers have heard, and when they last became master or backup.
	began    time.Duration
	slept    time.Duration
	woke     time.Duration
	dreamt   []vrrp.Standby                  // the orders during the pause
	glimpsed map[string]vrrp.Link            // the interfaces when the pause began
	lifted   map[vrrp.RouterID]time.Duration // when an order was last taken back
	resumes  map[vrrp.RouterID]bool
	ears     map[vrrp.RouterID]*ear
	uttered  map[vrrp.RouterID]uint8 // the priority of the last advert
	rises    map[vrrp.RouterID]*rise
	falls    map[vrrp.RouterID]fall
}

// plug brings up all interfaces that the configuration names.
func (n *node) plug() {
	for _, c := range n.routers {
		n.link(c.ID.Interface)
	}
	for _, name := range n.tracked() {
		n.link(name)
	}
}

// link returns the state of an interface, up unless told otherwise.
func (n *node) link(iface string) *vrrp.Link {
	l := n.links[iface]
	if l == nil {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(n.world.segment(iface)), byte(n.number)})
		l = &vrrp.Link{Interface: iface, Exists: true, Up: true, Primary: addr, LinkLocal: linkLocal(n.number), MTU: 1500}
		n.links[iface] = l
	}
	return l
}

// linkLocal is the IPv6 address of a node's interfaces.
func linkLocal(number int) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(number)})
}

// usable reports whether the interface can carry packets.
func (n *node) usable(iface string) bool {
	l := n.links[iface]
	return l != nil && l.Exists && l.Up && l.Primary.IsValid()
}

// awake reports whether the daemon runs and handles events.
func (n *node) awake() bool { return n.engine != nil && !n.paused }

// feed gives the engine one event, now or when the process goes on.
func (n *node) feed(ev vrrp.Event) {
	switch {
	case n.engine == nil:
	case n.daemon != nil:
		n.daemon.Feed(ev)
	case n.paused:
		n.inbox = append(n.inbox, ev)
	default:
		n.step(ev)
	}
}

// feedLink tells the engine about an interface.
func (n *node) feedLink(iface string) {
	l := *n.links[iface]
	n.feed(&l)
}

// step lets the engine handle an event and carries out what it asks for.
func (n *node) step(ev vrrp.Event) {
	if _, ok := ev.(*vrrp.Stop); ok {
		n.stopped = true
	}
	out := n.engine.Step(n.clock.local(n.world.now), ev)
	failed := n.carryOut(ev, out.Actions)
	n.planWake(out.Next)
	for i := range failed {
		n.feed(&failed[i])
	}
	if n.stopped && !out.Leaving {
		n.die()
	}
}

// never is the time of what is not planned.
const never time.Duration = -1

// planWake plans the tick for a deadline of the node's clock. A deadline that
// moves away, as that of a backup does with every advert, is planned anew only
// when the old one comes.
func (n *node) planWake(next time.Time) {
	if next.IsZero() {
		n.wake = never
		return
	}
	n.wake = max(n.world.now, n.clock.world(next))
	if n.planned == never || n.wake < n.planned {
		n.planned = n.wake
		n.world.queue.plan(n.wake, n.ring)
	}
}

// ring is a planned wake-up: the tick, or nothing when the deadline has moved.
func (n *node) ring() {
	now := n.world.now
	if now == n.planned {
		n.planned = never
	}
	switch {
	case n.wake == never || n.engine == nil || n.paused:
	case n.wake == now:
		n.wake = never
		n.step(&n.tick)
	case n.planned == never:
		n.planned = n.wake
		n.world.queue.plan(n.wake, n.ring)
	}
}

// carryOut does what the engine asks for, in order, and returns the adverts
// that failed.
func (n *node) carryOut(ev vrrp.Event, actions []vrrp.Action) (failed []vrrp.SendFailed) {
	_, tick := ev.(*vrrp.Tick)
	routine := tick && !slices.ContainsFunc(actions, func(a vrrp.Action) bool {
		_, transition := a.(*vrrp.Transition)
		return transition
	})
	unsent := func(id vrrp.RouterID) bool {
		return slices.ContainsFunc(failed, func(f vrrp.SendFailed) bool { return f.ID == id })
	}
	for _, a := range actions {
		if h, is := a.(*vrrp.Hold); is && h.AfterAdvert && unsent(h.ID) {
			continue
		}
		if !n.act(a, routine) {
			failed = append(failed, vrrp.SendFailed{ID: a.(*vrrp.SendAdvert).ID, Err: errDown.Error()})
		}
	}
	return failed
}

// act carries out one action and reports whether that was possible; only an
// advert can fail. The adverts of a routine step are left out of the trace.
func (n *node) act(a vrrp.Action, routine bool) (ok bool) {
	ok = true
	hidden := false
	switch a := a.(type) {
	case *vrrp.SendAdvert:
		hidden, ok = routine, n.send(a)
	case *vrrp.Hold:
		hidden = a.Refresh
		n.hold(a)
	case *vrrp.Release:
		n.release(a)
	case *vrrp.HandingOver:
		n.overhears = a.Until
	case *vrrp.Gratuitous:
		n.announce(a)
	case *vrrp.Transition:
		n.states[a.ID] = a.To
		n.world.checker.touch()
		switch a.To {
		case vrrp.StateMaster:
			n.rose(a.ID)
		case vrrp.StateBackup:
			n.fallen(a.ID)
		}
	case *vrrp.Drop:
		hidden = n.known(a)
	case *vrrp.Report:
		n.world.checker.touch()
		if a.Kind == vrrp.ReportPeerHeard {
			n.heard[a.ID] = true
		}
	}
	n.world.record.action(n.world.now, n.name, a, hidden)
	return ok
}

// known reports whether a drop like this one is in the trace already.
func (n *node) known(d *vrrp.Drop) bool {
	known := n.dropped[*d]
	n.dropped[*d] = true
	return known
}
