package vrrp

import (
	"encoding/binary"
	"net/netip"
)

// Path is the part of the carrying IP header that an advert depends on: the
// family decides the size of its addresses and, with source and destination,
// the pseudo-header of the checksum.
type Path struct {
	Family   Family
	Src, Dst netip.Addr
}

// protocolVRRP is the IP protocol and IPv6 next header (RFC 9568 §5.1.1.4).
const protocolVRRP = 112

// sum is a running RFC 1071 sum that has not been folded yet.
type sum uint64

// add adds the 16-bit words of b, the last one padded with zero.
func (s sum) add(b []byte) sum {
	for len(b) >= 4 {
		s += sum(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		s += sum(binary.BigEndian.Uint16(b)) << 16
		b = b[2:]
		if len(b) == 1 {
			s += sum(b[0]) << 8
		}
		return s
	}
	if len(b) == 1 {
		s += sum(b[0]) << 24
	}
	return s
}

// fold returns the one's complement sum in 16 bits.
func (s sum) fold() uint16 {
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// pseudo adds the pseudo-header for a message of n bytes: that of RFC 8200
// §8.1 for IPv6, and for IPv4 the one of the same fields that keepalived and
// FRR use (source, destination, zero, protocol, length).
func (s sum) pseudo(p Path, n int) sum {
	s = s.addAddr(p.Src).addAddr(p.Dst)
	return s + protocolVRRP + sum(n)
}

// addAddr adds one address in its own length.
func (s sum) addAddr(a netip.Addr) sum {
	if a.Is4() {
		b := a.As4()
		return s.add(b[:])
	}
	b := a.As16()
	return s.add(b[:])
}

// checksumForm tells which accepted form of the checksum of msg matches.
// VRRPv2 and IPv6 know one form each; VRRPv3 over IPv4 has two readings (RFC
// 5798 with a pseudo-header, RFC 9568 §5.2.8 without).
func checksumForm(msg []byte, version uint8, p Path) (Checksum, bool) {
	plain := sum(0).add(msg)
	if version == 3 && plain.pseudo(p, len(msg)).fold() == 0xffff {
		return ChecksumPseudo, true
	}
	if p.Family == IPv4 && plain.fold() == 0xffff {
		return ChecksumPlain, true
	}
	if version == 3 && p.Family == IPv4 && !p.Dst.IsMulticast() {
		// keepalived up to 1.3.6 puts the group into it for peers, too.
		p.Dst = GroupIPv4
		return ChecksumPseudo, plain.pseudo(p, len(msg)).fold() == 0xffff
	}
	return 0, false
}

// recomputeChecksum replaces the checksum of an IPv6 packet that has grown
// behind its message: the pseudo-header covers all of it.
func recomputeChecksum(packet []byte, p Path) {
	packet[offChecksum], packet[offChecksum+1] = 0, 0
	putChecksum(packet, 3, p, ChecksumPseudo)
}

// putChecksum writes the checksum of the complete message msg, whose checksum
// field must be zero.
func putChecksum(msg []byte, version uint8, p Path, form Checksum) {
	s := sum(0).add(msg)
	if version == 3 && (p.Family == IPv6 || form == ChecksumPseudo) {
		s = s.pseudo(p, len(msg))
	}
	binary.BigEndian.PutUint16(msg[offChecksum:], ^s.fold())
}
