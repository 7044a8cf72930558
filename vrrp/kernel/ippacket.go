package kernel

import (
	"encoding/binary"
	"net/netip"

	"github.com/vipd/vipd/vrrp"
	"golang.org/x/sys/unix"
)

// parseIPv4 fills p from a packet as a raw IPv4 socket delivers it, header
// included, options tolerated (RFC 791 §3.1). The payload ends where the
// total length says, so link-layer padding is left out; a packet that is
// shorter than its header or its total length gives what is there, for the
// engine to reject. It reports false when there is no IPv4 header at all.
func parseIPv4(b []byte, p *vrrp.Received) bool {
	if len(b) < 20 || b[0]>>4 != 4 {
		return false
	}
	header := int(b[0]&0x0f) * 4
	if header < 20 || header > len(b) {
		return false
	}
	end := min(len(b), max(header, int(binary.BigEndian.Uint16(b[2:4]))))
	p.Family = vrrp.IPv4
	p.TTL = b[8]
	p.Src = netip.AddrFrom4([4]byte(b[12:16]))
	p.Dst = netip.AddrFrom4([4]byte(b[16:20]))
	p.AH, p.Header = b[9] == protocolAH, nil
	if p.AH {
		p.Header = b[:header]
	}
	p.Payload = b[header:end]
	return true
}

// parseIPv6 fills p from a payload as a raw IPv6 socket delivers it. It
// reports false when the kernel did not tell where it was sent and with which
// hop limit (RFC 3542 §4).
func (r *receiver) parseIPv6(p *vrrp.Received) bool {
	p.Family, p.Src, p.Dst, p.AH, p.Header = vrrp.IPv6, r.from, netip.Addr{}, false, nil
	limit := -1
	for oob := r.oob[:r.oobn]; len(oob) > 0; {
		head, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return false
		}
		oob = rest
		switch {
		case head.Level != unix.IPPROTO_IPV6:
		case head.Type == unix.IPV6_PKTINFO && len(data) >= 16:
			p.Dst = netip.AddrFrom16([16]byte(data[:16]))
		case head.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
			limit = int(binary.NativeEndian.Uint32(data))
		}
	}
	if limit < 0 || !p.Dst.IsValid() || !p.Src.IsValid() {
		return false
	}
	p.TTL, p.Payload = uint8(limit), r.buf[:r.n]
	return true
}
