package kernel

import (
	"encoding/binary"
	"net/netip"

	"github.com/vipd/vipd/vrrp"
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
	p.Payload = b[header:end]
	return true
}
