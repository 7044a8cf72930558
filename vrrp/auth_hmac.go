package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// The trailer of keepalived 2.4's auth_hmac: type, key number, two reserved
// octets, a sequence number of eight, and the first half of HMAC-SHA256.
const (
	trailerLen      = 28
	trailerSigned   = 12 // what comes before the value
	trailerSequence = 4
	trailerType     = 1
	// minMarks is how many senders are told apart at least.
	minMarks = 4
)

// HMACMode says which adverts are signed and which must be.
type HMACMode uint8

// Modes, for changing a group of routers one by one.
const (
	HMACEnforce     HMACMode = iota // signs, and accepts signed adverts only
	HMACPermissive                  // signs, and accepts adverts without a signature
	HMACReceiveOnly                 // does not sign, and verifies the signatures there are
)

// String returns the word for the mode in configurations.
func (m HMACMode) String() string {
	switch m {
	case HMACPermissive:
		return "permissive"
	case HMACReceiveOnly:
		return "receive-only"
	}
	return "enforce"
}

// HMAC signs adverts with shared keys.
type HMAC struct {
	Keys   []HMACKey
	Active uint8 // the key that signs
	Mode   HMACMode
	// Monotonic takes sequence numbers for mere numbers. Otherwise they are
	// times, and adverts that are off by more than Window are rejected.
	Monotonic bool
	Window    time.Duration
}

// Format implements fmt.Formatter: numbers and mode, no keys.
func (h HMAC) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "hmac with %d keys, key %d signs, mode %s", len(h.Keys), h.Active, h.Mode)
}

// HMACKey is a key and the number that names it on the wire.
type HMACKey struct {
	ID  uint8  // 1..255
	Key Secret // 32 to 64 octets
}

// DefaultHMACWindow is how far clocks may be apart unless configured.
func DefaultHMACWindow(interval time.Duration) time.Duration {
	return max(3*interval, 5*time.Second)
}

func (h *HMAC) key(id uint8) Secret {
	for i := range h.Keys {
		if h.Keys[i].ID == id {
			return h.Keys[i].Key
		}
	}
	return nil
}

// trailerZeros stand where the message has its checksum and the trailer its
// value.
var trailerZeros [trailerLen - trailerSigned]byte

// trailerSigner computes the values of trailers.
type trailerSigner struct{ signer }

// value computes what a trailer ends with: over a pseudo-header of family,
// version, VRID and source, the message with its checksum set to zero, what
// is signed of the trailer, and sixteen zero octets. Destination and TTL are
// left out, so that all copies to peers are signed alike.
func (s *trailerSigner) value(key Secret, src netip.Addr, msg, trailer []byte) []byte {
	s.begin(sha256.New, key)
	pseudo := s.head[:20]
	clear(pseudo)
	pseudo[1], pseudo[2] = msg[0]>>4, msg[1]
	if src.Is4() {
		addr := src.As4()
		pseudo[0] = byte(IPv4)
		copy(pseudo[4:], addr[:])
	} else {
		addr := src.As16()
		pseudo[0] = byte(IPv6)
		copy(pseudo[4:], addr[:])
	}
	s.mac.Write(pseudo)
	s.mac.Write(msg[:offChecksum])
	s.mac.Write(trailerZeros[:2])
	s.mac.Write(msg[offChecksum+2:])
	s.mac.Write(trailer[:trailerSigned])
	s.mac.Write(trailerZeros[:])
	return s.mac.Sum(s.sum[:0])[:trailerLen-trailerSigned]
}

// verifyTrailer checks the trailer, which its length alone gives away. The
// time is checked before the signature, the repetition after it, so that only
// the key's holders can change what is remembered.
func (r *router) verifyTrailer(p *Received, a *Advert) (authMark, DropReason) {
	h := r.cfg.Auth.HMAC
	msg, trailer := p.Payload[:a.length()], p.Payload[a.length():]
	if len(trailer) != trailerLen {
		if h.Mode == HMACEnforce {
			return authMark{}, DropAuthMissing
		}
		return authMark{}, ""
	}
	if trailer[0] != trailerType || trailer[2] != 0 || trailer[3] != 0 {
		return authMark{}, DropAuthFailed
	}
	seq, clock := binary.BigEndian.Uint64(trailer[trailerSequence:]), r.engine.clockSequence()
	if !h.Monotonic && apart(seq, clock) > h.Window {
		return authMark{}, DropAuthStale
	}
	key := h.key(trailer[1])
	if key == nil || !hmac.Equal(r.trailerSigner.value(key, p.Src, msg, trailer), trailer[trailerSigned:]) {
		return authMark{}, DropAuthFailed
	}
	last, known := r.marks.get(p.Src)
	if known && !h.Monotonic && apart(last, clock) > h.Window {
		known = false // the sender's clock was wrong and has been set
	}
	if known && int64(seq-last) <= 0 {
		return authMark{}, DropReplay
	}
	return authMark{trailer: seq}, ""
}

// sign appends the trailer to a packet whose message begins at start. All
// copies of one advert carry the same sequence number.
func (r *router) sign(b []byte, start int, src netip.Addr) []byte {
	h := r.cfg.Auth.HMAC
	end := len(b)
	b = append(b, trailerType, h.Active, 0, 0)
	b = binary.BigEndian.AppendUint64(b, r.trailerSeq)
	return append(b, r.trailerSigner.value(h.key(h.Active), src, b[start:end], b[end:])...)
}

// signs reports whether adverts of the router get a trailer.
func (r *router) signs() bool {
	return r.cfg.Auth.HMAC != nil && r.cfg.Auth.HMAC.Mode != HMACReceiveOnly
}

// nextTrailerSeq takes the clock, or the next number when that is not above
// the last. A clock that was set back by more than the window is followed,
// unless numbers are only numbers.
func (r *router) nextTrailerSeq() {
	h, clock := r.cfg.Auth.HMAC, r.engine.clockSequence()
	next := r.trailerSeq + 1
	stranded := !h.Monotonic && apart(next, clock) > h.Window
	if r.trailerSeq == 0 || stranded || int64(clock-next) > 0 {
		next = clock
	}
	r.trailerSeq = next
}

// clockSequence is the time as sequence numbers have it: seconds since 1970,
// a 16-bit fraction, and 16 bits to tell those of one instant apart.
func (e *Engine) clockSequence() uint64 {
	now := e.wall()
	fraction := uint64(now.Nanosecond()) << 16 / uint64(time.Second)
	return uint64(uint32(now.Unix()))<<32 | fraction<<16
}

// apart is how far two sequence numbers are from each other as times, in
// serial arithmetic.
func apart(a, b uint64) time.Duration {
	d := int64(a - b)
	if d < 0 {
		d = -d
	}
	return time.Duration(uint64(d)>>32)*time.Second + time.Duration(uint64(d)&0xffffffff*uint64(time.Second)>>32)
}

// marks are the last sequence numbers of the senders heard most recently,
// newest first.
type marks []mark

type mark struct {
	src netip.Addr
	seq uint64
}

func (m marks) get(src netip.Addr) (seq uint64, known bool) {
	for _, k := range m {
		if k.src == src {
			return k.seq, true
		}
	}
	return 0, false
}

// put moves a sender to the front; of more than most the oldest is forgotten.
func (m *marks) put(src netip.Addr, seq uint64, most int) {
	at := len(*m)
	for i, k := range *m {
		if k.src == src {
			at = i
		}
	}
	switch {
	case at < len(*m):
	case len(*m) < most:
		*m = append(*m, mark{})
	default:
		at--
	}
	copy((*m)[1:at+1], (*m)[:at])
	(*m)[0] = mark{src, seq}
}
