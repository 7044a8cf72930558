package runner

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vipd/vipd/vrrp"
)

// segment is an Ethernet segment in memory: what one wire sends arrives at
// once at all others that are plugged in.
type segment struct {
	mu    sync.Mutex
	wires []*fakeWire
}

func (s *segment) plug() *fakeWire {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &fakeWire{segment: s, ready: make(chan struct{}, 1)}
	s.wires = append(s.wires, w)
	return w
}

// fakeWire is one host's end of a segment. Fields may be changed under mu.
type fakeWire struct {
	segment *segment
	ready   chan struct{}

	mu        sync.Mutex
	unplugged bool
	queue     []vrrp.Received
	sent      []vrrp.SendAdvert
	ports     []Port
	relinked  []string
	sendErr   error
	linkErr   error
	listenErr error
}

func (w *fakeWire) Ready() <-chan struct{} { return w.ready }

func (w *fakeWire) TryReceive(p *vrrp.Received) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return false
	}
	*p = w.queue[0]
	w.queue = w.queue[1:]
	return true
}

func (w *fakeWire) Send(a *vrrp.SendAdvert) error {
	w.mu.Lock()
	err, unplugged := w.sendErr, w.unplugged
	if err == nil && !slices.ContainsFunc(w.ports, func(p Port) bool { return p.Interface == a.ID.Interface }) {
		err = errors.New("no port at " + a.ID.Interface)
	}
	if err == nil {
		w.sent = append(w.sent, *a)
	}
	w.mu.Unlock()
	if err != nil || unplugged {
		return err
	}
	w.segment.mu.Lock()
	defer w.segment.mu.Unlock()
	for _, other := range w.segment.wires {
		if other != w {
			other.arrive(vrrp.Received{
				Interface: a.ID.Interface, Family: a.ID.Family, Src: a.Src, Dst: a.Dst, TTL: 255,
				Payload: slices.Clone(a.Payload),
			})
		}
	}
	return nil
}

func (w *fakeWire) arrive(packets ...vrrp.Received) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.unplugged {
		w.queue = append(w.queue, packets...)
		signal(w.ready)
	}
}

func (w *fakeWire) unplug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unplugged = true
}

func (w *fakeWire) Listen(p []Port) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports = p
	return w.listenErr
}

func (w *fakeWire) Relink(iface string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.relinked = append(w.relinked, iface)
	return w.linkErr
}

func (w *fakeWire) fail(linkErr error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.linkErr = linkErr
}

func (w *fakeWire) priorities() (all []uint8) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.sent {
		all = append(all, a.Priority)
	}
	return all
}

// fakeHost is everything else a runner needs. It keeps a log of effects in
// the order they were asked for.
type fakeHost struct {
	mu          sync.Mutex
	start       time.Time
	log         []string
	transitions []change
	reports     []vrrp.Report
	drops       int
	held        map[netip.Prefix]bool
	recorded    map[vrrp.RouterID]time.Time
	counted     map[vrrp.RouterID]uint64
	flushErr    error
	flushBound  time.Duration
	more        int // addresses besides the first
}

// change is a transition and when it happened since the start of the test.
type change struct {
	At     time.Duration
	To     vrrp.State
	Reason vrrp.Reason
}

func newFakeHost() *fakeHost {
	return &fakeHost{
		start: time.Now(), held: make(map[netip.Prefix]bool), recorded: make(map[vrrp.RouterID]time.Time), counted: make(map[vrrp.RouterID]uint64),
	}
}

// note appends to the log under the lock and runs f there.
func (h *fakeHost) note(what string, f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if what != "" {
		h.log = append(h.log, what)
	}
	if f != nil {
		f()
	}
}

func (h *fakeHost) Hold(a *vrrp.Hold) {
	h.note("hold", func() {
		for _, p := range a.Addresses {
			h.held[p] = true
		}
	})
}

func (h *fakeHost) Release(a *vrrp.Release) {
	h.note("release", func() {
		for _, p := range a.Addresses {
			delete(h.held, p)
		}
	})
}

func (h *fakeHost) Flush(d time.Duration) error {
	h.note("flush", func() { h.flushBound = d })
	return h.flushErr
}

func (h *fakeHost) Status() []AddressStatus {
	return slices.Repeat([]AddressStatus{{Interface: "eth0", State: AddressHeld}}, 1+h.more)
}

func (h *fakeHost) Announce(*vrrp.Gratuitous) { h.note("announce", nil) }
func (h *fakeHost) Cancel(vrrp.RouterID)      { h.note("cancel", nil) }

func (h *fakeHost) Transition(t vrrp.Transition) {
	h.note("transition", func() {
		h.transitions = append(h.transitions, change{time.Since(h.start), t.To, t.Reason})
	})
}
func (h *fakeHost) Drop(vrrp.Drop)       { h.note("", func() { h.drops++ }) }
func (h *fakeHost) Report(r vrrp.Report) { h.note("", func() { h.reports = append(h.reports, r) }) }
func (h *fakeHost) Address(AddressEvent) {}

func (h *fakeHost) Sent(id vrrp.RouterID, at time.Time) { h.note("", func() { h.recorded[id] = at }) }
func (h *fakeHost) Left(id vrrp.RouterID)               { h.note("", func() { delete(h.recorded, id) }) }
func (h *fakeHost) Counted(id vrrp.RouterID, n uint64)  { h.note("", func() { h.counted[id] = n }) }

// changes returns the transitions so far.
func (h *fakeHost) changes() []change {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.transitions)
}

func (h *fakeHost) effects() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.log)
}

func (h *fakeHost) holds() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.held)
}

// script is an engine that answers from a function and notes every event.
type script struct {
	mu     sync.Mutex
	events []vrrp.Event
	step   func(now time.Time, ev vrrp.Event) vrrp.Output
}

func (s *script) Step(now time.Time, ev vrrp.Event) vrrp.Output {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := ev.(*vrrp.Received); ok {
		c := *p
		ev = &c
	}
	s.events = append(s.events, ev)
	if s.step == nil {
		return vrrp.Output{}
	}
	return s.step(now, ev)
}

func (s *script) Status() []vrrp.RouterStatus           { return nil }
func (s *script) InterfaceDrops() []vrrp.InterfaceDrops { return nil }
func (s *script) Image() (*vrrp.Image, error)           { return &vrrp.Image{}, nil }

func (s *script) seen() []vrrp.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// node is one running director.
type node struct {
	*Runner
	wire *fakeWire
	host *fakeHost
	stop func() // ends it and returns when it has left
}

var errTest = errors.New("out of luck")

// testID is the virtual router of all tests here.
var testID = vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}

// config returns the test's virtual router with the given priority.
func config(priority uint8) vrrp.Config {
	return vrrp.Config{
		Name: "web", ID: testID, Version: 3, Priority: priority, AdvertInterval: time.Second, Preempt: true,
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.100/24")}, Lease: vrrp.LeaseHeal,
		Announce: vrrp.Announce{Repeat: 1},
	}
}

// link returns the interface of host number n as up.
func link(n byte) *vrrp.Link {
	return &vrrp.Link{Interface: "eth0", Exists: true, Up: true, Primary: netip.AddrFrom4([4]byte{192, 0, 2, n}), MTU: 1500}
}

// run starts a runner; o gives what differs from the fakes.
func run(t *testing.T, s *segment, o Options) *node {
	n := &node{wire: s.plug(), host: newFakeHost()}
	o.Wire, o.Links, o.Announcer, o.Observer, o.Record = n.wire, n.host, n.host, n.host, n.host
	n.Runner = New(o)
	n.stop = start(t, n.Runner)
	return n
}

// comparing lets cmp compare addresses.
var comparing = cmpopts.EquateComparable(netip.Addr{})
