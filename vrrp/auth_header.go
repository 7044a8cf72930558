package vrrp

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"net/netip"
)

// The IP authentication header as keepalived makes it (RFC 2402, RFC 2403).
const (
	protocolAH   = 51
	ipv4Header   = 20 // without options, which are not accepted here
	headerAHLen  = 24 // fixed part and integrity check value
	ahLength     = 4  // the length field: 32-bit words minus 2
	ahSPI        = 4  // offsets
	ahSequence   = 8
	ahValue      = 12
	ahValueLen   = 12
	offTOS       = 1
	offIPLength  = 2
	offIPID      = 4
	offFragment  = 6
	offTTL       = 8
	offProtocol  = 9
	offIPSum     = 10
	offSource    = 12
	offDest      = 16
	controlClass = 0xc0 // DSCP CS6, network control (RFC 4594 §3.1)
)

// headerSigner computes the values of authentication headers.
type headerSigner struct{ signer }

// value computes the integrity check value of a packet: HMAC-MD5-96 over
// the IP header with what routers may change set to zero, the authentication
// header with the value set to zero, and the message. keepalived leaves the
// TTL of multicast adverts in, where RFC 2402 §3.3.3.1.1 has zero.
func (s *headerSigner) value(key Secret, ip, payload []byte) []byte {
	s.begin(md5.New, key)
	head := s.head[:ipv4Header+headerAHLen]
	copy(head, ip[:ipv4Header])
	copy(head[ipv4Header:], payload[:ahValue])
	clear(head[ipv4Header+ahValue:])
	head[offTOS], head[offFragment], head[offFragment+1], head[offIPSum], head[offIPSum+1] = 0, 0, 0, 0, 0
	if !netip.AddrFrom4([4]byte(head[offDest:])).IsMulticast() {
		head[offTTL] = 0
	}
	s.mac.Write(head)
	s.mac.Write(payload[headerAHLen:])
	return s.mac.Sum(s.sum[:0])[:ahValueLen]
}

// verifyHeader checks an authentication header: its form, its value, that it
// names the sender, and that its sequence number is new. keepalived counts
// all senders of a virtual router together. A number that we have sent is new
// all the same as long as nobody else was heard with it: two masters that began
// at the same time count alike, and would otherwise never hear each other.
func (r *router) verifyHeader(p *Received) (authMark, DropReason) {
	if len(p.Header) != ipv4Header || len(p.Payload) < headerAHLen || p.Payload[0] != protocolVRRP || p.Payload[1] != ahLength {
		return authMark{}, DropAuthFailed
	}
	src := p.Src.As4()
	want := r.headerSigner.value(r.cfg.Auth.Key, p.Header, p.Payload)
	if !hmac.Equal(want, p.Payload[ahValue:headerAHLen]) || !bytes.Equal(src[:], p.Payload[ahSPI:ahSequence]) {
		return authMark{}, DropAuthFailed
	}
	seq := binary.BigEndian.Uint32(p.Payload[ahSequence:])
	if seq < r.headerSeq || seq == r.headerHeard {
		return authMark{}, DropReplay
	}
	return authMark{header: seq}, ""
}

// appendHeaders appends an IPv4 header and an authentication header, whose
// value is still zero, for a message of n octets.
func (r *router) appendHeaders(b []byte, path Path, ttl uint8, n int) []byte {
	seq := r.headerSeq
	src, dst := path.Src.As4(), path.Dst.As4()
	var head [ipv4Header + headerAHLen]byte
	head[0], head[offTOS], head[offTTL], head[offProtocol] = 0x45, controlClass, ttl, protocolAH
	binary.BigEndian.PutUint16(head[offIPLength:], uint16(len(head)+n))
	// The value covers the identification, so the kernel must not choose it;
	// it does when it finds zero.
	binary.BigEndian.PutUint16(head[offIPID:], max(1, uint16(seq)))
	copy(head[offSource:], src[:])
	copy(head[offDest:], dst[:])
	ah := head[ipv4Header:]
	ah[0], ah[1] = protocolVRRP, ahLength
	copy(ah[ahSPI:], src[:])
	binary.BigEndian.PutUint32(ah[ahSequence:], seq)
	return append(b, head[:]...)
}

// nextHeaderSeq continues from the highest number sent or heard, and is not
// below the seconds of the clock: after a restart peers would take lower ones
// for repetitions.
func (r *router) nextHeaderSeq() {
	r.headerSeq = max(r.headerSeq+1, uint32(r.engine.wall().Unix()))
}

// sealHeaders computes the value of a packet that appendHeaders began.
func (r *router) sealHeaders(packet []byte) {
	copy(packet[ipv4Header+ahValue:], r.headerSigner.value(r.cfg.Auth.Key, packet[:ipv4Header], packet[ipv4Header:]))
}

// message returns the VRRP message of a packet, without an authentication
// header that stands before it.
func (p *Received) message() []byte {
	if !p.AH {
		return p.Payload
	}
	return p.Payload[min(len(p.Payload), headerAHLen):]
}
