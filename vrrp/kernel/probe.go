package kernel

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"github.com/vipd/vipd/vrrp"
	"golang.org/x/sys/unix"
)

// probeRounds is how often an address is asked for (RFC 5227 §1.1, PROBE_NUM).
const probeRounds = 3

// Probe asks on a network for addresses and feeds who has them. It does not
// block. An interface that has no link-layer addresses is left alone.
func (k *Kernel) Probe(p *vrrp.Probe) {
	question := *p
	question.Addresses = slices.Clone(p.Addresses)
	k.overhears.probe(&question)
}

// probe asks and listens in the background.
func (o *overhearer) probe(p *vrrp.Probe) {
	how := arpProbes
	if p.ID.Family == vrrp.IPv6 {
		how = neighbourProbes
	}
	found := func(_ string, ip netip.Addr, mac net.HardwareAddr) {
		o.feed(&vrrp.Answered{ID: p.ID, Answer: vrrp.Answer{Address: ip, MAC: mac.String()}})
	}
	o.hear(p.Interface, how.heard, p.Addresses, p.Until, found, func(conn *packet.Conn, ifi *net.Interface) {
		o.ended.Go(func() { o.ask(conn, ifi, p, how.question) })
	})
}

// ask sends the questions, spread over the time so that the last one leaves
// some of it for its answer. Errors are left alone: the interface is going or
// gone, or all is over.
func (o *overhearer) ask(conn *packet.Conn, ifi *net.Interface, p *vrrp.Probe, question questioner) {
	pause := p.Until.Sub(Now()) / (probeRounds + 1)
	for round := range probeRounds {
		if round > 0 && !o.rest(pause) {
			return
		}
		for i, a := range p.Addresses {
			if i > 0 && i%announceBurst == 0 && !o.rest(announcePause) {
				return
			}
			b, to, err := question(ifi.HardwareAddr, a.Addr())
			if err != nil {
				continue
			}
			_, _ = conn.WriteTo(b, &packet.Addr{HardwareAddr: to})
		}
	}
}

// rest waits and reports false when everything is closed meanwhile.
func (o *overhearer) rest(d time.Duration) bool {
	select {
	case <-o.done:
		return false
	case <-time.After(d):
		return true
	}
}

// questioner builds the packet that asks for an address and tells which
// link-layer address it goes to.
type questioner func(own net.HardwareAddr, ip netip.Addr) ([]byte, net.HardwareAddr, error)

// probes are how hosts of a family look for duplicates. A socket of one protocol
// receives nothing that this host sends, so all that is heard is of others.
type probes struct {
	heard    announcements
	question questioner
}

var (
	arpProbes       = probes{announcements{unix.ETH_P_ARP, nil, usedByARP}, arpProbe}
	neighbourProbes = probes{announcements{unix.ETH_P_IPV6, neighbourFilter, usedByNeighbour}, neighbourProbe}
)

// arpProbe asks for an address without claiming it (RFC 5227 §1.1).
func arpProbe(own net.HardwareAddr, ip netip.Addr) ([]byte, net.HardwareAddr, error) {
	p, err := arp.NewPacket(arp.OperationRequest, own, netip.IPv4Unspecified(), make(net.HardwareAddr, len(broadcast)), ip)
	if err != nil {
		return nil, nil, fmt.Errorf("build ARP probe for %s: %w", ip, err)
	}
	b, err := p.MarshalBinary()
	return b, broadcast, err
}

// neighbourProbe asks for an address from the unspecified one (RFC 4862
// §5.4.2), which is why it brings its IPv6 header along.
func neighbourProbe(_ net.HardwareAddr, ip netip.Addr) ([]byte, net.HardwareAddr, error) {
	to, err := ndp.SolicitedNodeMulticast(ip)
	if err != nil {
		return nil, nil, fmt.Errorf("ask for %s: %w", ip, err)
	}
	from := netip.IPv6Unspecified()
	message, err := ndp.MarshalMessageChecksum(&ndp.NeighborSolicitation{TargetAddress: ip}, from, to)
	if err != nil {
		return nil, nil, fmt.Errorf("build neighbour solicitation for %s: %w", ip, err)
	}
	const version = 6 << 4
	b := append(make([]byte, 0, ipv6Payload+len(message)), version, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(message)))
	b = append(b, unix.IPPROTO_ICMPV6, ndHopLimit)
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	group := to.As16()
	return append(b, message...), append(net.HardwareAddr{0x33, 0x33}, group[12:]...), nil
}

// usedByARP returns the address that the sender of any ARP packet uses (RFC
// 5227 §2.1.1), which is none for another one who only asks.
func usedByARP(b []byte) (netip.Addr, net.HardwareAddr, bool) {
	var p arp.Packet
	if p.UnmarshalBinary(b) != nil {
		return netip.Addr{}, nil, false
	}
	return p.SenderIP, p.SenderHardwareAddr, true
}

// usedByNeighbour returns the address that a neighbour advertisement of any
// kind is about.
func usedByNeighbour(b []byte) (netip.Addr, net.HardwareAddr, bool) {
	a, mac, ok := advertisement(b)
	if !ok {
		return netip.Addr{}, nil, false
	}
	return a.TargetAddress, mac, true
}
