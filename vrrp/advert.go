package vrrp

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Sizes and offsets of a VRRP message (RFC 3768 §5.1, RFC 9568 §5.1).
const (
	headerLen   = 8
	authDataLen = 8 // trailer of version 2
	offChecksum = 6
	maxCount    = 255

	typeAdvert = 1
	// intervalMask cuts off the reserved nibble (RFC 9568 §5.2.6).
	intervalMask = 0x0fff
	// centisecond is the unit of the version 3 interval.
	centisecond = 10 * time.Millisecond
)

// Advert is one VRRP advertisement of version 2 or 3.
type Advert struct {
	Version  uint8
	VRID     uint8
	Priority uint8
	// Interval is whole seconds in version 2, 10 ms steps in version 3. Zero
	// is representable on the wire and rejected by the engine.
	Interval time.Duration
	// AuthType and AuthData exist in version 2 only (RFC 2338 §5.3.6).
	AuthType uint8
	AuthData [authDataLen]byte
	// List holds the virtual addresses in wire order, 4 or 16 bytes each. A
	// decoded advert's List is part of the payload it was decoded from.
	List []byte
	// Form is the form of the checksum that matched on receipt. Only
	// VRRPv3 over IPv4 has two.
	Form Checksum
}

// addressLen is the length of one listed address in bytes.
func addressLen(f Family) int {
	if f == IPv6 {
		return 16
	}
	return 4
}

// Count returns the number of listed addresses of a family f advert.
func (a *Advert) Count(f Family) int { return len(a.List) / addressLen(f) }

// length returns the size of the message in bytes.
func (a *Advert) length() int {
	n := headerLen + len(a.List)
	if a.Version == 2 {
		n += authDataLen
	}
	return n
}

// Addresses returns the listed addresses of a family f advert. It allocates.
func (a *Advert) Addresses(f Family) []netip.Addr {
	n := addressLen(f)
	addrs := make([]netip.Addr, 0, len(a.List)/n)
	for b := a.List; len(b) >= n; b = b[n:] {
		addr, _ := netip.AddrFromSlice(b[:n])
		addrs = append(addrs, addr)
	}
	return addrs
}

// AppendList appends the wire form of addresses to b, for Advert.List.
func AppendList(b []byte, addresses []netip.Prefix) []byte {
	for _, p := range addresses {
		if p.Addr().Is4() {
			a := p.Addr().As4()
			b = append(b, a[:]...)
			continue
		}
		a := p.Addr().As16()
		b = append(b, a[:]...)
	}
	return b
}

// Decode reads one VRRP message that came along p. It makes the checks that
// need no configuration, in the order of RFC 9568 §7.1: version, type, length,
// checksum. The reason is empty when all pass. A version 2 message over IPv6
// counts as a wrong version. Bytes after the complete message are ignored
// (§7.1 asks for a complete packet, not an exact one).
func Decode(payload []byte, p Path) (Advert, DropReason) {
	if len(payload) == 0 {
		return Advert{}, DropLength
	}
	version, kind := payload[0]>>4, payload[0]&0x0f
	if version != 3 && (version != 2 || p.Family != IPv4) {
		return Advert{}, DropVersion
	}
	if kind != typeAdvert {
		return Advert{}, DropType
	}
	if len(payload) < headerLen {
		return Advert{}, DropLength
	}
	end := headerLen + int(payload[3])*addressLen(p.Family)
	length := end
	if version == 2 {
		length += authDataLen
	}
	if len(payload) < length {
		return Advert{}, DropLength
	}
	covered := payload[:length]
	if p.Family == IPv6 {
		covered = payload // the pseudo-header tells the length of all of it
	}
	form, ok := checksumForm(covered, version, p)
	if !ok {
		return Advert{}, DropChecksum
	}
	a := Advert{Version: version, VRID: payload[1], Priority: payload[2], List: payload[headerLen:end:end], Form: form}
	if version == 2 {
		a.AuthType = payload[4]
		a.Interval = time.Duration(payload[5]) * time.Second
		copy(a.AuthData[:], payload[end:])
		return a, ""
	}
	a.Interval = time.Duration(binary.BigEndian.Uint16(payload[4:])&intervalMask) * centisecond
	return a, ""
}

// Encode appends the wire form of a to b and returns it, with the checksum
// that belongs to p. form selects the reading for VRRPv3 over IPv4. The caller
// keeps to the ranges of Config: version 2 or 3, at most 255 addresses, an
// interval that the version can carry.
func Encode(b []byte, a *Advert, p Path, form Checksum) []byte {
	start := len(b)
	b = append(b, a.Version<<4|typeAdvert, a.VRID, a.Priority, byte(a.Count(p.Family)))
	if a.Version == 2 {
		b = append(b, a.AuthType, byte(a.Interval/time.Second))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(a.Interval/centisecond)&intervalMask)
	}
	b = append(b, 0, 0)
	b = append(b, a.List...)
	if a.Version == 2 {
		b = append(b, a.AuthData[:]...)
	}
	putChecksum(b[start:], a.Version, p, form)
	return b
}
