package kernel

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// addresser reads and changes the kernel's addresses; *addresses is the real
// one.
type addresser interface {
	index(name string) (int, error)
	list() ([]address, error)
	add(index int, p netip.Prefix, how manner) error
	refresh(index int, p netip.Prefix, how manner) error
	remove(index int, p netip.Prefix) error
}

// linksOptions say what Links works with.
type linksOptions struct {
	kernel   addresser
	paths    pather
	gates    gates
	sysctl   sysctls
	save     func(stored) error
	now      func() time.Time
	feed     func(vrrp.Event)
	observe  func(runner.AddressEvent)
	announce func(iface string, g *vrrp.Gratuitous)
	// handOn is told addresses that were released.
	handOn func(iface string, gone []netip.Prefix)
	// who names the owner of a netlink port.
	who func(port uint32) string
	// port is the kernel's name for our socket in notices.
	port uint32
	// keepsProto tells that the kernel keeps AddressProtocol with an address.
	keepsProto bool
}

// Links keeps virtual addresses on interfaces. One goroutine carries out
// everything, most urgent first: adding and removing, then what others did to
// our addresses, then refreshes in small bursts. It implements runner.Links.
type Links struct {
	opt   linksOptions
	table table
	// Of the writer alone.
	promote promoter
	dirty   bool // the store differs from the table
	cost    refreshCost
	sites   sites
	gates   gatekeeper
	paths   map[vrrp.RouterID]*routerPaths
	left    vrrp.Paths // of an earlier life, until the first plan

	mu          sync.Mutex
	urgent      []job
	renewing    []*renewal
	epochs      map[vrrp.RouterID]uint64 // newest given
	losses      []loss
	verify      bool // notices were missed
	pathLosses  []pathLoss
	verifyPaths bool
	working     bool
	wake        chan struct{}
	stop        chan struct{}
	stopped     chan struct{}
}

// job is one urgent piece of work; exactly one field is set.
type job struct {
	hold     *vrrp.Hold
	release  *vrrp.Release
	announce *vrrp.Gratuitous
	plan     map[heldAddress]site
	paths    map[vrrp.RouterID]vrrp.Paths
	claim    map[place]vrrp.RouterID
	barrier  chan<- struct{}
}

// renewal is a Hold that refreshes: addresses from at on, left of them,
// wrapping around.
type renewal struct {
	hold     *vrrp.Hold
	at, left int
}

func newLinks(o linksOptions) *Links {
	return &Links{
		opt:     o,
		table:   table{entries: make(map[place]entry)},
		promote: promoter{sysctl: o.sysctl, before: make(map[string]string), done: make(map[int]bool)},
		epochs:  make(map[vrrp.RouterID]uint64),
		sites:   newSites(),
		gates:   gatekeeper{gates: o.gates, opened: make(map[string]int)},
		paths:   make(map[vrrp.RouterID]*routerPaths),
		wake:    make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// Hold implements runner.Links.
func (l *Links) Hold(h *vrrp.Hold) {
	c := *h
	c.Addresses = slices.Clone(h.Addresses)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newest(c.ID, c.Epoch)
	if c.Refresh {
		l.renew(&c)
	} else {
		l.retime(&c)
		l.urgent = append(l.urgent, job{hold: &c})
	}
	l.signal()
}

// Release implements runner.Links.
func (l *Links) Release(r *vrrp.Release) {
	c := *r
	c.Addresses = slices.Clone(r.Addresses)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newest(c.ID, c.Epoch)
	l.renewing = slices.DeleteFunc(l.renewing, func(n *renewal) bool { return n.hold.ID == c.ID })
	l.urgent = append(l.urgent, job{release: &c})
	l.signal()
}

// Status implements runner.Links.
func (l *Links) Status() []runner.AddressStatus { return l.table.status(l.opt.now()) }

// announce sends a block of gratuitous ARPs once all Holds given before are
// carried out.
func (l *Links) announce(g *vrrp.Gratuitous) {
	c := *g
	c.Addresses = slices.Clone(g.Addresses)
	l.do(job{announce: &c})
}

// cancel drops announcements of a router that wait behind a Hold.
func (l *Links) cancel(id vrrp.RouterID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.urgent = slices.DeleteFunc(l.urgent, func(j job) bool { return j.announce != nil && j.announce.ID == id })
}

// lost tells of addresses that vanished; missed that notices may be missing.
func (l *Links) lost(losses []loss, missed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.losses = append(l.losses, losses...)
	l.verify = l.verify || missed
	l.signal()
}

func (l *Links) do(j job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.urgent = append(l.urgent, j)
	l.signal()
}

// newest notes an epoch; l.mu is held.
func (l *Links) newest(id vrrp.RouterID, epoch uint64) {
	l.epochs[id] = max(l.epochs[id], epoch)
}

// renew queues a refresh; l.mu is held. A newer one replaces the one that is
// waiting and goes on where that one is, so that a period shorter than the
// time all bursts take starves no address.
func (l *Links) renew(h *vrrp.Hold) {
	for _, n := range l.renewing {
		if n.hold.ID == h.ID {
			n.hold, n.left = h, len(h.Addresses)
			if n.at >= n.left {
				n.at = 0
			}
			return
		}
	}
	l.renewing = append(l.renewing, &renewal{hold: h, left: len(h.Addresses)})
}

// retime gives a refresh that waits the lease of a newer Hold, which overtakes it
// and must not be undone by it; l.mu is held.
func (l *Links) retime(h *vrrp.Hold) {
	for _, n := range l.renewing {
		if n.hold.ID == h.ID {
			again := *n.hold
			again.Lease, again.Deadline, again.Epoch = h.Lease, h.Deadline, h.Epoch
			n.hold = &again
		}
	}
}

// void tells whether a Hold must not be carried out any more: something newer
// was given or its time is over.
func (l *Links) void(h *vrrp.Hold) bool {
	return l.superseded(h) || !h.Deadline.IsZero() && l.opt.now().After(h.Deadline)
}

func (l *Links) superseded(h *vrrp.Hold) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return h.Epoch < l.epochs[h.ID]
}

// idle tells whether the writer has nothing to do.
func (l *Links) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.working && len(l.urgent)+len(l.renewing)+len(l.losses)+len(l.pathLosses) == 0 && !l.verify && !l.verifyPaths
}

// works notes whether the writer works.
func (l *Links) works(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.working = yes
}

// signal wakes the writer; l.mu is held.
func (l *Links) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// close stops the writer, after what it is doing now.
func (l *Links) close() {
	close(l.stop)
	<-l.stopped
}
