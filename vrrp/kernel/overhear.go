package kernel

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
	"golang.org/x/sys/unix"
)

// overhearer listens to ARP for other hosts that announce certain addresses,
// while somebody wants to know. It opens a socket for each time, so that a
// router at rest receives no ARP.
type overhearer struct {
	feed func(vrrp.Event)

	mu     sync.Mutex
	open   map[*packet.Conn]struct{}
	closed bool
	ended  sync.WaitGroup
}

func newOverhearer(feed func(vrrp.Event)) *overhearer {
	return &overhearer{feed: feed, open: make(map[*packet.Conn]struct{})}
}

// overhear feeds every announcement of the addresses on an interface by
// somebody else until the given time. It does not block. An interface that
// cannot be listened to is left alone.
func (o *overhearer) overhear(iface string, addresses []netip.Prefix, until time.Time) {
	wanted := make(map[netip.Addr]bool, len(addresses))
	for _, p := range addresses {
		wanted[p.Addr()] = true
	}
	o.ended.Go(func() {
		ifi, err := net.InterfaceByName(iface)
		if err != nil || len(ifi.HardwareAddr) != len(broadcast) {
			return
		}
		conn, err := packet.Listen(ifi, packet.Datagram, unix.ETH_P_ARP, nil)
		if err != nil || !o.add(conn) {
			return
		}
		defer o.remove(conn)
		if conn.SetReadDeadline(time.Now().Add(until.Sub(Now()))) != nil {
			return
		}
		o.listen(conn, ifi, wanted)
	})
}

// listen reads until the socket's deadline or close.
func (o *overhearer) listen(conn *packet.Conn, ifi *net.Interface, wanted map[netip.Addr]bool) {
	buf := make([]byte, 256)
	var p arp.Packet
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if p.UnmarshalBinary(buf[:n]) != nil || !announces(&p, ifi.HardwareAddr) || !wanted[p.SenderIP] {
			continue
		}
		o.feed(&vrrp.Announced{Interface: ifi.Name, Address: p.SenderIP})
	}
}

// announces tells whether an ARP message is a gratuitous one (RFC 5227 §3)
// of another host than the one with the given hardware address.
func announces(p *arp.Packet, own net.HardwareAddr) bool {
	return p.SenderIP == p.TargetIP && p.SenderHardwareAddr.String() != own.String()
}

func (o *overhearer) add(conn *packet.Conn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		conn.Close()
		return false
	}
	o.open[conn] = struct{}{}
	return true
}

func (o *overhearer) remove(conn *packet.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, conn)
	conn.Close()
}

func (o *overhearer) close() {
	o.mu.Lock()
	o.closed = true
	for conn := range o.open {
		conn.Close()
	}
	o.mu.Unlock()
	o.ended.Wait()
}
