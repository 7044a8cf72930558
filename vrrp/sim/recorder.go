package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"time"
)

// recorder keeps the readable trace and a digest of everything.
type recorder struct {
	quiet bool
	lines []string
	sum   hash.Hash
	buf   []byte
}

func newRecorder(quiet bool) *recorder { return &recorder{quiet: quiet, sum: sha256.New()} }

// line adds a line to trace and digest.
func (r *recorder) line(at time.Duration, who, what string) {
	r.hidden(at, who, what)
	if !r.quiet {
		r.lines = append(r.lines, fmt.Sprintf("%11.6f %s %s", at.Seconds(), who, what))
	}
}

// hidden adds something to the digest that the trace leaves out.
func (r *recorder) hidden(at time.Duration, who, what string) {
	r.buf = fmt.Appendf(r.buf[:0], "%d %s %s\n", at, who, what)
	r.sum.Write(r.buf)
}

func (r *recorder) digest() string { return hex.EncodeToString(r.sum.Sum(nil)[:8]) }
