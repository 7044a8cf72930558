package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	stdhash "hash"
	"math"
)

// Secret is a key. It is never printed; its JSON form, which carries it from
// process to process, must not be shown to anyone.
type Secret []byte

// Format implements fmt.Formatter: every verb prints the same, so that a key
// cannot reach a log.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(secret)") }

// AuthType is the authentication of RFC 2338 §5.3.6, which version 2 adverts
// name in a field. RFC 3768 dropped it; keepalived kept it.
type AuthType uint8

// Authentication types, as they are on the wire.
const (
	AuthNone     AuthType = 0
	AuthPassword AuthType = 1 // eight octets in clear text
	AuthHeader   AuthType = 2 // IP authentication header with HMAC-MD5-96
)

// MaxAuthKey is what the field of a password can hold; keepalived keys the
// authentication header with the same eight octets.
const MaxAuthKey = authDataLen

// Auth is how adverts prove where they come from.
type Auth struct {
	// Type and Key are those of version 2; the key has 1 to MaxAuthKey octets.
	Type AuthType
	Key  Secret
	// HMAC, if set, signs adverts of any version; Type is AuthNone then.
	HMAC *HMAC
}

// keyField is the key as the wire has it, padded with zeros.
func (a *Auth) keyField() (field [authDataLen]byte) {
	copy(field[:], a.Key)
	return field
}

// signer is a keyed hash with the memory that it works in, made once per key:
// an advert allocates nothing.
type signer struct {
	key  Secret
	mac  stdhash.Hash
	head [ipv4Header + headerAHLen]byte // what is hashed before the message
	sum  [sha256.Size]byte
}

// begin begins a value.
func (s *signer) begin(sum func() stdhash.Hash, key Secret) {
	if s.mac == nil || !hmac.Equal(s.key, key) {
		s.key, s.mac = key, hmac.New(sum, key)
	}
	s.mac.Reset()
}

// authenticate checks that an advert proves itself in the configured way.
// What a good one leaves behind, to recognise its repetition, is returned and
// takes effect when the advert is accepted.
func (r *router) authenticate(p *Received, a *Advert) (mark authMark, why DropReason) {
	auth := &r.cfg.Auth
	if a.Version == 2 && AuthType(a.AuthType) != auth.Type || p.AH != (auth.Type == AuthHeader) {
		return authMark{}, DropAuthType
	}
	switch {
	case auth.Type == AuthPassword:
		if want := auth.keyField(); subtle.ConstantTimeCompare(a.AuthData[:], want[:]) == 0 {
			return authMark{}, DropAuthFailed
		}
	case auth.Type == AuthHeader:
		return r.verifyHeader(p)
	case auth.HMAC != nil:
		return r.verifyTrailer(p, a)
	}
	return authMark{}, ""
}

// authMark is the sequence number of an authentic advert.
type authMark struct {
	header  uint32 // of the authentication header
	trailer uint64 // of the HMAC trailer
}

// sequence is the number of the advert that is being sent.
func (r *router) sequence() uint64 {
	switch {
	case r.signs():
		return r.trailerSeq
	case r.cfg.Auth.Type == AuthHeader:
		return uint64(r.headerSeq)
	}
	return 0
}

// countOn makes a router that starts continue from the number of an earlier
// process. One of a signature is no number of an authentication header.
func (r *router) countOn(last uint64) {
	if r.trailerSeq = last; last <= math.MaxUint32 {
		r.headerSeq = uint32(last)
	}
}

// remember takes note of an accepted advert's sequence number.
func (r *router) remember(p *Received, m authMark) {
	if m.header != 0 {
		r.headerHeard, r.headerSeq = m.header, m.header
	}
	if m.trailer != 0 {
		r.marks.put(p.Src, m.trailer, max(minMarks, len(r.cfg.Delivery.Peers)))
	}
}
