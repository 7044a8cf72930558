package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Start says how a daemon starts.
type Start struct {
	// Resume lets a role restarted by a living supervisor resume as master
	// where the record allows it.
	Resume bool
	// AwaitReady holds preemption back until Ready.
	AwaitReady bool
}

// Start starts the daemon of a node. It does nothing if it runs.
func (w *World) Start(name string, s Start) {
	n := w.byName[name]
	if n.engine != nil {
		return
	}
	w.disturb(name, "start")
	if s.AwaitReady {
		// What follows from it begins then, by the node's clock.
		w.queue.plan(w.now+vrrp.ReadyBound-margin, w.checker.disturb)
	}
	n.ending, n.stopped, n.paused, n.rested, n.wake = false, false, false, false, never
	n.states = make(map[vrrp.RouterID]vrrp.State)
	n.dropped = make(map[vrrp.Drop]bool)
	n.woke, n.dreamt, n.lifted = never, nil, make(map[vrrp.RouterID]time.Duration)
	n.began, n.ears, n.rises = w.now, make(map[vrrp.RouterID]*ear), make(map[vrrp.RouterID]*rise)
	n.falls, n.uttered = make(map[vrrp.RouterID]fall), make(map[vrrp.RouterID]uint8)
	c := &vrrp.Configure{AwaitReady: s.AwaitReady, Resume: make(map[vrrp.RouterID]bool)}
	for _, r := range n.routers {
		last, ok := n.lastAdvert[r.ID]
		c.Resume[r.ID] = s.Resume && ok && w.now-last < r.MasterDown()
	}
	n.resumes = c.Resume
	if w.opts.Stage != nil {
		n.daemon, n.engine = w.opts.Stage.Start(&Host{n})
	} else {
		n.engine = w.opts.Engine()
	}
	n.lastAdvert = make(map[vrrp.RouterID]time.Duration)
	n.feed(&vrrp.Clock{Wall: genesis.Add(w.now)})
	n.configure(c)
	for _, iface := range n.interfaces() {
		n.feedLink(iface)
	}
	n.feedTracks()
}

// configure applies the node's present configuration.
func (n *node) configure(c *vrrp.Configure) {
	c.Routers, c.Groups, c.StandBy, c.PeerHeard = n.routers, n.groups, n.orders, maps.Clone(n.heard)
	n.running = n.routers
	n.plug()
	n.world.assume(n)
	n.world.checker.regroup()
	n.feed(c)
}

// interfaces returns the names in use, in order of the configuration.
func (n *node) interfaces() []string {
	var names []string
	seen := make(map[string]bool)
	for _, r := range n.running {
		if !seen[r.ID.Interface] {
			seen[r.ID.Interface] = true
			names = append(names, r.ID.Interface)
		}
	}
	for _, name := range n.tracked() {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// Kill ends the daemon as kill -9 does: its addresses stay until their leases
// end.
func (w *World) Kill(name string) {
	w.disturb(name, "kill")
	n := w.byName[name]
	n.die()
	for _, e := range n.kernel {
		e.found = true
	}
}

// PowerOff ends the whole node: its addresses are gone as well.
func (w *World) PowerOff(name string) {
	w.disturb(name, "poweroff")
	n := w.byName[name]
	n.die()
	for _, e := range n.kernel {
		n.tellHold(e, false)
	}
	n.kernel = nil
}

func (n *node) die() {
	if n.daemon != nil {
		n.daemon.Kill()
	}
	n.daemon = nil
	n.engine, n.inbox, n.wake, n.paused = nil, nil, never, false
}

// Stop ends the daemon as SIGTERM does.
func (w *World) Stop(name string) {
	w.disturb(name, "stop")
	n := w.byName[name]
	n.ending = true
	n.feed(&vrrp.Stop{})
}

// Pause freezes the daemon as SIGSTOP does; packets wait in its sockets.
func (w *World) Pause(name string) {
	w.disturb(name, "pause")
	n := w.byName[name]
	if !n.paused {
		n.slept, n.dreamt, n.glimpsed = w.now, n.orders, make(map[string]vrrp.Link)
		for name, l := range n.links {
			n.glimpsed[name] = *l
		}
	}
	n.paused = n.engine != nil
	n.rested = true
	if n.daemon != nil {
		n.daemon.Pause(true)
	}
}

// Resume lets a paused daemon go on: it drains its sockets, then looks at its
// timers.
func (w *World) Resume(name string) {
	n := w.byName[name]
	if !n.paused {
		return
	}
	w.disturb(name, "resume")
	n.paused, n.wake = false, never
	n.awaken()
	if n.daemon != nil {
		n.daemon.Pause(false)
		return
	}
	inbox := n.inbox
	n.inbox = nil
	for _, ev := range inbox {
		n.feed(ev)
	}
	if n.engine != nil {
		n.step(&vrrp.Tick{})
	}
}

// SetLink takes the carrier of an interface away or gives it back.
func (w *World) SetLink(name, iface string, up bool) {
	n := w.byName[name]
	word := "down"
	if up {
		word = "up"
	}
	w.disturb(name, "link "+iface+" "+word)
	n.link(iface).Up = up
	n.feedLink(iface)
}

// Reload puts another configuration in force on a running daemon.
func (w *World) Reload(name string, routers []vrrp.Config) {
	w.disturb(name, "reload")
	n := w.byName[name]
	old := n.interfaces()
	n.routers = routers
	if n.engine == nil || n.ending { // a daemon that ends reads nothing any more
		w.checker.regroup()
		return
	}
	n.configure(&vrrp.Configure{})
	for _, iface := range n.interfaces() {
		if !slices.Contains(old, iface) {
			n.feedLink(iface)
		}
	}
	n.feedTracks()
}

// Ready tells the daemon that its IPVS table is programmed.
func (w *World) Ready(name string) {
	w.disturb(name, "ready")
	w.byName[name].feed(&vrrp.TableReady{})
}

// Partition separates the sides from each other; nodes that are not named stay
// on the first side.
func (w *World) Partition(sides ...[]string) {
	words := make([]string, len(sides))
	for i, names := range sides {
		words[i] = strings.Join(names, " ")
		for _, name := range names {
			w.byName[name].side = i
		}
	}
	w.sides = max(1, len(sides))
	w.disturb("net", "partition "+strings.Join(words, " | "))
}

// Heal ends a partition.
func (w *World) Heal() {
	for _, n := range w.nodes {
		n.side = 0
	}
	w.sides = 1
	w.disturb("net", "heal")
}

// SetLoss changes the share of lost packets.
func (w *World) SetLoss(share float64) {
	w.opts.Loss = share
	w.disturb("net", "loss")
}

// SetDuplicates changes the share of packets that arrive twice.
func (w *World) SetDuplicates(share float64) {
	w.opts.Duplicate = share
	w.disturb("net", "duplicate")
}

// SetDelay changes how long packets take.
func (w *World) SetDelay(least, jitter time.Duration) {
	w.opts.Delay, w.opts.Jitter = least, jitter
	w.disturb("net", "delay")
}

// disturb notes a command and restarts the time that the world has to settle.
func (w *World) disturb(who, what string) {
	w.note(who, "* "+what)
	w.checker.disturb()
}
