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
func (o *overhearer) overhear(iface string, f vrrp.Family, addresses []netip.Prefix, until time.Time) {
	what := arpAnnouncements
	if f == vrrp.IPv6 {
		what = neighbourAnnouncements
	}
	wanted := make(map[netip.Addr]bool, len(addresses))
	for _, p := range addresses {
		wanted[p.Addr()] = true
	}
	o.ended.Go(func() {
		ifi, err := net.InterfaceByName(iface)
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
		o.listen(conn, ifi, wanted, what.announced)
	})
}

// listen reads until the socket's deadline or close.
func (o *overhearer) listen(conn *packet.Conn, ifi *net.Interface, wanted map[netip.Addr]bool, announced func([]byte, string) (netip.Addr, bool)) {
	buf := make([]byte, 256)
	own := ifi.HardwareAddr.String()
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if ip, ok := announced(buf[:n], own); ok && wanted[ip] {
			o.feed(&vrrp.Announced{Interface: ifi.Name, Address: ip})
		}
	}
}

// announcements are how hosts of a family announce addresses.
type announcements struct {
	protocol int // of the link (linux/if_ether.h)
	filter   []bpf.RawInstruction
	// announced returns the address that a packet announces, unless it comes
	// from the host with the given hardware address.
	announced func(packet []byte, own string) (netip.Addr, bool)
}

var (
	arpAnnouncements       = announcements{unix.ETH_P_ARP, nil, announcedByARP}
	neighbourAnnouncements = announcements{unix.ETH_P_IPV6, neighbourFilter(), announcedByNeighbour}
)

// announcedByARP knows gratuitous ARP (RFC 5227 §3).
func announcedByARP(b []byte, own string) (netip.Addr, bool) {
	var p arp.Packet
	if p.UnmarshalBinary(b) != nil || p.SenderIP != p.TargetIP || p.SenderHardwareAddr.String() == own {
		return netip.Addr{}, false
	}
	return p.SenderIP, true
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
func neighbourFilter() []bpf.RawInstruction {
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
}

// announcedByNeighbour knows unsolicited neighbour advertisements.
func announcedByNeighbour(b []byte, own string) (netip.Addr, bool) {
	if len(b) < ipv6PacketUntilTarget || b[ipv6NextHeader] != unix.IPPROTO_ICMPV6 || b[ipv6Payload] != typeNeighbourAdvert {
		return netip.Addr{}, false
	}
	m, err := ndp.ParseMessage(b[ipv6Payload:])
	a, ok := m.(*ndp.NeighborAdvertisement)
	if err != nil || !ok || a.Solicited {
		return netip.Addr{}, false
	}
	for _, o := range a.Options {
		if mac, ok := o.(*ndp.LinkLayerAddress); ok && mac.Direction == ndp.Target {
			return a.TargetAddress, mac.Addr.String() != own
		}
	}
	return netip.Addr{}, false
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
