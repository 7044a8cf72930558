package lab

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/arp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Frame is a captured Ethernet frame; one of VRRP and ARP is set.
type Frame struct {
	At     time.Time
	Source string // MAC address of the sender
	VRRP   *Advert
	ARP    *ARP
}

// Advert is a VRRP advert over IPv4 as it was on the wire. The lab decodes it
// by itself so that it can bear witness against the daemon's own codec.
type Advert struct {
	At        time.Time
	Src, Dst  netip.Addr
	TTL, TOS  int
	Version   uint8
	Type      uint8
	VRID      uint8
	Priority  uint8
	Interval  time.Duration
	Addresses []netip.Addr
}

// ARP is an ARP packet.
type ARP struct {
	Request   bool
	SenderMAC string
	Sender    netip.Addr
	Target    netip.Addr
}

// Gratuitous reports whether the packet announces its sender.
func (a ARP) Gratuitous() bool { return a.Sender == a.Target }

const (
	ethernetHeader = 14
	protocolVRRP   = 112 // RFC 9568 §5.1.1.4
)

// decodeFrame decodes an Ethernet frame with ARP or VRRP over IPv4 inside.
func decodeFrame(b []byte) (Frame, bool) {
	if len(b) < ethernetHeader {
		return Frame{}, false
	}
	f := Frame{Source: net.HardwareAddr(b[6:12]).String()}
	switch payload := b[ethernetHeader:]; binary.BigEndian.Uint16(b[12:]) {
	case unix.ETH_P_ARP:
		f.ARP = decodeARP(payload)
	case unix.ETH_P_IP:
		f.VRRP = decodeVRRP(payload)
	}
	return f, f.ARP != nil || f.VRRP != nil
}

func decodeARP(b []byte) *ARP {
	var p arp.Packet
	if p.UnmarshalBinary(b) != nil {
		return nil
	}
	return &ARP{
		Request: p.Operation == arp.OperationRequest, SenderMAC: p.SenderHardwareAddr.String(),
		Sender: p.SenderIP, Target: p.TargetIP,
	}
}

// decodeVRRP decodes an IPv4 packet with a VRRP message of version 2 or 3
// (RFC 3768 §5, RFC 9568 §5.2).
func decodeVRRP(b []byte) *Advert {
	h, err := ipv4.ParseHeader(b)
	if err != nil || h.Protocol != protocolVRRP || h.TotalLen > len(b) || h.TotalLen < h.Len+8 {
		return nil
	}
	m := b[h.Len:h.TotalLen]
	a := &Advert{
		TTL: h.TTL, TOS: h.TOS, Version: m[0] >> 4, Type: m[0] & 15, VRID: m[1], Priority: m[2],
	}
	a.Src, _ = netip.AddrFromSlice(h.Src.To4())
	a.Dst, _ = netip.AddrFromSlice(h.Dst.To4())
	if a.Version == 2 {
		a.Interval = time.Duration(m[5]) * time.Second
	} else {
		a.Interval = time.Duration(binary.BigEndian.Uint16(m[4:])&0xfff) * 10 * time.Millisecond
	}
	count, rest := int(m[3]), m[8:]
	for ; count > 0 && len(rest) >= 4; count, rest = count-1, rest[4:] {
		a.Addresses = append(a.Addresses, netip.AddrFrom4([4]byte(rest)))
	}
	return a
}
