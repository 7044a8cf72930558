package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"net/netip"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// recorder keeps the readable trace and a digest of everything.
type recorder struct {
	quiet bool
	lines []string
	sum   hash.Hash
	buf   []byte // what the sum has not got yet
}

func newRecorder(quiet bool) *recorder { return &recorder{quiet: quiet, sum: sha256.New()} }

// note adds a line to trace and digest.
func (r *recorder) note(at time.Duration, who, what string) {
	r.begin(at, who)
	r.buf = append(r.buf, what...)
	r.end()
	r.line(at, who, what)
}

// action adds an action to the digest and, unless it is hidden, to the trace.
func (r *recorder) action(at time.Duration, who string, a vrrp.Action, hidden bool) {
	r.begin(at, who)
	r.buf = appendAction(r.buf, a)
	r.end()
	if !hidden && !r.quiet {
		r.line(at, who, fmt.Sprint(a))
	}
}

// line adds a line to the trace.
func (r *recorder) line(at time.Duration, who, what string) {
	if !r.quiet {
		r.lines = append(r.lines, fmt.Sprintf("%11.6f %s %s", at.Seconds(), who, what))
	}
}

// begin opens the record of something that happened.
func (r *recorder) begin(at time.Duration, who string) {
	r.buf = binary.BigEndian.AppendUint64(r.buf, uint64(at))
	r.buf = append(append(r.buf, who...), 0)
}

// end closes it.
func (r *recorder) end() {
	const enough = 4096
	r.buf = append(r.buf, '\n')
	if len(r.buf) >= enough {
		r.flush()
	}
}

func (r *recorder) flush() {
	r.sum.Write(r.buf)
	r.buf = r.buf[:0]
}

func (r *recorder) digest() string {
	r.flush()
	return hex.EncodeToString(r.sum.Sum(nil)[:8])
}

// appendAction appends what tells an action from others: cheaper than its
// text, and with the whole packet.
func appendAction(b []byte, a vrrp.Action) []byte {
	switch a := a.(type) {
	case *vrrp.SendAdvert:
		return append(appendAddr(append(appendID(b, 'a', a.ID), a.TTL), a.Dst), a.Payload...)
	case *vrrp.Hold:
		b = append(appendID(b, 'h', a.ID), flag(a.Refresh), flag(a.AfterAdvert))
		return appendPrefixes(binary.BigEndian.AppendUint64(b, uint64(a.Lease)), a.Addresses)
	case *vrrp.Release:
		return appendPrefixes(appendID(b, 'r', a.ID), a.Addresses)
	case *vrrp.Gratuitous:
		return appendPrefixes(append(appendID(b, 'g', a.ID), byte(a.Repeat)), a.Addresses)
	case *vrrp.HandingOver:
		return appendPrefixes(appendID(b, 'o', a.ID), a.Addresses)
	case *vrrp.Drop:
		id := vrrp.RouterID{Interface: a.Interface, Family: a.Family, VRID: a.VRID}
		return append(append(appendAddr(appendID(b, 'd', id), a.Src), flag(a.Alarm)), a.Reason...)
	}
	return fmt.Append(b, a) // transitions and reports are rare
}

func appendID(b []byte, kind byte, id vrrp.RouterID) []byte {
	return append(append(append(b, kind), id.Interface...), 0, byte(id.Family), id.VRID)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	full := a.As16()
	return append(b, full[:]...)
}

func appendPrefixes(b []byte, all []netip.Prefix) []byte {
	for _, p := range all {
		b = append(appendAddr(b, p.Addr()), byte(p.Bits()))
	}
	return b
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
