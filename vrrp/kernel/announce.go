package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// announceBurst and announcePause pace the announcements: 32 in a row,
	// at most 16,000 a second, which no switch or host drops.
	announceBurst = 32
	announcePause = 2 * time.Millisecond
)

// broadcast is the Ethernet broadcast address.
var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// gratuitousARP builds the ARP message (RFC 826, RFC 5227 §3) that tells a
// network where an address is: a request for itself. The target hardware
// address is broadcast, as keepalived sends it.
func gratuitousARP(mac net.HardwareAddr, ip netip.Addr) ([]byte, error) {
	p, err := arp.NewPacket(arp.OperationRequest, mac, ip, broadcast, ip)
	if err != nil {
		return nil, fmt.Errorf("build gratuitous ARP for %s: %w", ip, err)
	}
	return p.MarshalBinary()
}

// announcer sends blocks of gratuitous ARPs from a paced queue. One round of
// every waiting block goes out before the second of any.
type announcer struct {
	mu    sync.Mutex
	queue []*block
	wake  chan struct{}
	stop  chan struct{}
	ended chan struct{}

	// Of the sending goroutine.
	conns map[string]announceConn
	// free is when a lane with an interval may be announced on again.
	free map[string]time.Time
	nas  map[string]neighbourConn
}

// block is a queued announcement: rounds still to go, and where the present
// one is.
type block struct {
	*vrrp.Gratuitous
	iface      string
	rounds, at int
}

// lane is what the interval of the block holds for: its interface, or all of
// a pace. No interface has a space in its name.
func (b *block) lane() string {
	if b.Pace != "" {
		return "pace " + b.Pace
	}
	return b.iface
}

// announceConn is the packet socket of an interface.
type announceConn struct {
	conn *packet.Conn
	ifi  net.Interface
}

func newAnnouncer() *announcer {
	a := &announcer{
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
		conns: make(map[string]announceConn), free: make(map[string]time.Time), nas: make(map[string]neighbourConn),
	}
	go a.run()
	return a
}

// announce queues a block, which the announcer owns from now on.
func (a *announcer) announce(iface string, g *vrrp.Gratuitous) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = append(a.queue, &block{Gratuitous: g, iface: iface, rounds: g.Repeat})
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// idle tells whether nothing waits to be announced.
func (a *announcer) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.queue) == 0
}

// cancel drops the blocks of a router.
func (a *announcer) cancel(id vrrp.RouterID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = slices.DeleteFunc(a.queue, func(b *block) bool { return b.ID == id })
}

func (a *announcer) close() {
	close(a.stop)
	<-a.ended
}

func (a *announcer) run() {
	defer close(a.ended)
	defer a.closeConns()
	for {
		var pause <-chan time.Time // never, unless more is waiting
		if a.burst() {
			pause = time.After(announcePause)
		}
		select {
		case <-a.stop:
			return
		case <-a.wake:
			if pause != nil {
				<-pause
			}
		case <-pause:
		}
	}
}

// burst sends the next announcements and reports whether more are waiting.
func (a *announcer) burst() bool {
	now := time.Now()
	for room := announceBurst; room > 0; {
		iface, some, more := a.take(room, now)
		if len(some) == 0 {
			return more
		}
		a.send(iface, some)
		room -= len(some)
	}
	return true
}

// take cuts up to room addresses from the first block whose lane may be
// announced on, and reports whether any block waits. A block that has been
// through all its addresses goes to the end for its next round.
func (a *announcer) take(room int, now time.Time) (iface string, some []netip.Prefix, more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.queue, func(b *block) bool { return !a.free[b.lane()].After(now) })
	if i < 0 {
		return "", nil, len(a.queue) > 0
	}
	b := a.queue[i]
	if b.Interval > 0 {
		room = 1
		a.free[b.lane()] = now.Add(b.Interval)
	}
	end := min(len(b.Addresses), b.at+room)
	some = b.Addresses[b.at:end]
	if b.at = end; end == len(b.Addresses) {
		b.at, b.rounds = 0, b.rounds-1
		a.queue = slices.Delete(a.queue, i, i+1)
		if b.rounds > 0 {
			a.queue = append(a.queue, b)
		}
	}
	return b.iface, some, true
}

// send sends one announcement for each address. Errors are left alone: the
// interface is going or gone, and its routers with it.
func (a *announcer) send(iface string, some []netip.Prefix) {
	c, ok := a.conn(iface)
	if !ok {
		return
	}
	to := &packet.Addr{HardwareAddr: broadcast}
	for _, p := range some {
		if p.Addr().Is6() {
			_ = a.advertise(c.ifi, p.Addr())
			continue
		}
		if b, err := gratuitousARP(c.ifi.HardwareAddr, p.Addr()); err == nil {
			_, _ = c.conn.WriteTo(b, to)
		}
	}
}

// conn returns a socket of the interface that has the name now. Interfaces
// without a hardware address have no ARP.
func (a *announcer) conn(iface string) (announceConn, bool) {
	ifi, err := interfaceNamed(iface)
	if err != nil || len(ifi.HardwareAddr) != len(broadcast) {
		a.forget(iface)
		return announceConn{}, false
	}
	c, open := a.conns[iface]
	if open && c.ifi.Index != ifi.Index {
		c.conn.Close()
		open = false
	}
	if !open {
		if c.conn, err = listenARP(ifi); err != nil {
			delete(a.conns, iface)
			return announceConn{}, false
		}
	}
	c.ifi = *ifi // the hardware address may change
	a.conns[iface] = c
	return c, true
}

// listenARP opens a socket that sends ARP and receives nothing.
func listenARP(ifi *net.Interface) (*packet.Conn, error) {
	dropAll, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
	if err != nil {
		return nil, fmt.Errorf("assemble filter: %w", err)
	}
	return packet.Listen(ifi, packet.Datagram, unix.ETH_P_ARP, &packet.Config{Filter: dropAll})
}

// forget closes the sockets of an interface that has gone.
func (a *announcer) forget(iface string) {
	if c, open := a.conns[iface]; open {
		c.conn.Close()
		delete(a.conns, iface)
	}
	if c, open := a.nas[iface]; open {
		c.conn.Close()
		delete(a.nas, iface)
	}
}

func (a *announcer) closeConns() {
	for _, c := range a.conns {
		c.conn.Close()
	}
	for _, c := range a.nas {
		c.conn.Close()
	}
}

// orderedAnnouncer puts announcements behind the Holds given before them. It
// implements runner.Announcer.
type orderedAnnouncer struct {
	links *Links
	queue *announcer
}

// Announce implements runner.Announcer.
func (o orderedAnnouncer) Announce(g *vrrp.Gratuitous) { o.links.announce(g) }

// Cancel implements runner.Announcer.
func (o orderedAnnouncer) Cancel(id vrrp.RouterID) {
	o.links.cancel(id)
	o.queue.cancel(id)
}
