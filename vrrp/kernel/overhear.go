package kernel

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// overhearer listens to ARP or neighbour discovery for other hosts that announce
// certain addresses, while somebody wants to know. It opens a socket for each
// time, so that a router at rest receives none of it.
type overhearer struct {
	feed  func(vrrp.Event)
	heirs heirs

	mu     sync.Mutex
	open   map[*packet.Conn]struct{}
	closed bool
	done   chan struct{} // closed with it
	ended  sync.WaitGroup
}

// heirBelieved is how long beyond the end of a hand-over its addresses may take
// to leave.
const heirBelieved = time.Second

func newOverhearer(feed func(vrrp.Event)) *overhearer {
	return &overhearer{feed: feed, open: make(map[*packet.Conn]struct{}), done: make(chan struct{})}
}

// overhear feeds every announcement of the addresses on an interface by
// somebody else until the given time. It does not block. An interface that
// cannot be listened to is left alone.
func (o *overhearer) overhear(iface string, f vrrp.Family, addresses []netip.Prefix, until time.Time) {
	what := arpAnnouncements
	if f == vrrp.IPv6 {
		what = neighbourAnnouncements
	}
	var own string
	o.hear(iface, what, addresses, until, func(iface string, ip netip.Addr, mac net.HardwareAddr) {
		if mac.String() != own {
			o.heirs.note(iface, ip, mac, until.Add(heirBelieved))
			o.feed(&vrrp.Announced{Interface: iface, Address: ip})
		}
	}, func(_ *packet.Conn, ifi *net.Interface) { own = ifi.HardwareAddr.String() })
}

// hear calls found for everything heard on an interface that is about one of
// the addresses, until the given time. opened is called before, once the socket
// is there. It does not block.
func (o *overhearer) hear(iface string, what announcements, addresses []netip.Prefix, until time.Time,
	found func(iface string, ip netip.Addr, mac net.HardwareAddr), opened func(*packet.Conn, *net.Interface)) {
	wanted := make(map[netip.Addr]bool, len(addresses))
	for _, p := range addresses {
		wanted[p.Addr()] = true
	}
	o.ended.Go(func() {
		ifi, err := interfaceNamed(iface)
		if err != nil || len(ifi.HardwareAddr) != len(broadcast) {
			return
		}
		conn, err := packet.Listen(ifi, packet.Datagram, what.protocol, &packet.Config{Filter: what.filter})
		if err != nil || !o.add(conn) {
			return
		}
		defer o.remove(conn)
		if conn.SetReadDeadline(time.Now().Add(until.Sub(Now()))) != nil {
			return
		}
		opened(conn, ifi)
		listen(conn, func(b []byte) {
			if ip, mac, ok := what.announced(b); ok && wanted[ip] {
				found(iface, ip, mac)
			}
		})
	})
}

// listen reads until the socket's deadline or close.
func listen(conn *packet.Conn, take func([]byte)) {
	buf := make([]byte, 256)
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		take(buf[:n])
	}
}

// announcements are how hosts of a family announce addresses.
type announcements struct {
	protocol int // of the link (linux/if_ether.h)
	filter   []bpf.RawInstruction
	// announced returns the address that a packet is about and the hardware
	// address of the host that has it.
	announced func(packet []byte) (netip.Addr, net.HardwareAddr, bool)
}

var (
	arpAnnouncements       = announcements{unix.ETH_P_ARP, nil, announcedByARP}
	neighbourAnnouncements = announcements{unix.ETH_P_IPV6, neighbourFilter, announcedByNeighbour}
)

// announcedByARP knows gratuitous ARP (RFC 5227 §3).
func announcedByARP(b []byte) (netip.Addr, net.HardwareAddr, bool) {
	var p arp.Packet
	if p.UnmarshalBinary(b) != nil || p.SenderIP != p.TargetIP {
		return netip.Addr{}, nil, false
	}
	return p.SenderIP, p.SenderHardwareAddr, true
}

// Where neighbour advertisements are found in IPv6 packets (RFC 4861 §4.4).
const (
	ipv6NextHeader        = 6
	ipv6Payload           = 40
	advertisementLen      = 24
	typeNeighbourAdvert   = 136
	acceptPacket          = 1 << 16
	ipv6PacketUntilTarget = ipv6Payload + advertisementLen
)

// neighbourFilter passes neighbour advertisements alone: a master may have much
// other traffic.
var neighbourFilter = func() []bpf.RawInstruction {
	filter, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: ipv6NextHeader, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 3},
		bpf.LoadAbsolute{Off: ipv6Payload, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: typeNeighbourAdvert, SkipTrue: 1},
		bpf.RetConstant{Val: acceptPacket},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		panic(err) // the program is a constant
	}
	return filter
}()

// announcedByNeighbour knows unsolicited neighbour advertisements.
func announcedByNeighbour(b []byte) (netip.Addr, net.HardwareAddr, bool) {
	a, mac, ok := advertisement(b)
	if !ok || a.Solicited {
		return netip.Addr{}, nil, false
	}
	return a.TargetAddress, mac, true
}

// advertisement parses an IPv6 packet with a neighbour advertisement that tells
// a hardware address.
func advertisement(b []byte) (*ndp.NeighborAdvertisement, net.HardwareAddr, bool) {
	if len(b) < ipv6PacketUntilTarget || b[ipv6NextHeader] != unix.IPPROTO_ICMPV6 || b[ipv6Payload] != typeNeighbourAdvert {
		return nil, nil, false
	}
	m, err := ndp.ParseMessage(b[ipv6Payload:])
	a, ok := m.(*ndp.NeighborAdvertisement)
	if err != nil || !ok {
		return nil, nil, false
	}
	for _, o := range a.Options {
		if mac, ok := o.(*ndp.LinkLayerAddress); ok && mac.Direction == ndp.Target {
			return a, mac.Addr, true
		}
	}
	return nil, nil, false
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
	close(o.done)
	for conn := range o.open {
		conn.Close()
	}
	o.mu.Unlock()
	o.ended.Wait()
}
