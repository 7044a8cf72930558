// Package healthcheck decides whether real servers are up. It is pure: probes
// run elsewhere (package probe), the schedule and the verdicts are computed
// here from results and the time that callers pass in.
package healthcheck

import (
	"net/netip"
	"time"
)

// Kind names what a probe does.
type Kind string

// Kinds of checks.
const (
	KindTCP   Kind = "tcp"   // connection is accepted
	KindHTTP  Kind = "http"  // GET over HTTP/1.1
	KindHTTPS Kind = "https" // GET over TLS
	KindPing  Kind = "ping"  // ICMP echo
)

// Settings say what one probe puts on the wire and what it expects. The type
// is comparable: equal settings and target mean one shared probe.
type Settings struct {
	Kind    Kind
	Timeout time.Duration // of one probe, everything included

	// HTTP and HTTPS.
	Method      string // GET or HEAD
	Path        string // request target, starts with "/"
	VirtualHost string // Host header; empty = target address
	Status      string // comma-separated codes and ranges, "200-299,304"
	Expect      string // RE2 over the body; empty = any

	// HTTPS.
	SNI       string // server name in the hello; empty = VirtualHost
	VerifyTLS bool   // verify the certificate chain and name
}

// Timing says how often to probe and how many results make a verdict.
type Timing struct {
	Interval time.Duration
	Rise     int // consecutive successes until up, ≥ 1
	Fall     int // consecutive failures until down, ≥ 1
}

// Check is one configured check.
type Check struct {
	Name     string // of the top-level block, empty for an inline one
	Settings Settings
	Timing   Timing
	Port     uint16 // 0 = the real server's
}

// Key identifies a shared probe: same target, same settings, same timing.
type Key struct {
	Target   netip.AddrPort // port 0 for ping
	Settings Settings
	Timing   Timing
}

// KeyFor returns the key of check c against a real server.
func KeyFor(c Check, real netip.AddrPort) Key {
	port := real.Port()
	if c.Port != 0 {
		port = c.Port
	}
	if c.Settings.Kind == KindPing {
		port = 0
	}
	return Key{Target: netip.AddrPortFrom(real.Addr(), port), Settings: c.Settings, Timing: c.Timing}
}

// Class groups results for metrics and for people.
type Class string

// Classes of results.
const (
	ClassOK       Class = "ok"
	ClassRefused  Class = "refused"
	ClassTimeout  Class = "timeout"
	ClassNetwork  Class = "network" // unreachable, reset, no route
	ClassTLS      Class = "tls"
	ClassProtocol Class = "protocol" // not what the protocol says
	ClassStatus   Class = "status"   // HTTP status not expected
	ClassBody     Class = "body"     // expected text not found
	ClassInternal Class = "internal" // we could not probe at all
)

// Result is the outcome of one probe. The phases are lengths, not offsets; a
// phase that was not reached or does not exist for the kind is 0.
type Result struct {
	At       time.Time     `json:"at"` // the probe began
	Class    Class         `json:"class"`
	Reason   string        `json:"reason"` // for people: "HTTP status 503, expected 200-299"
	Connect  time.Duration `json:"connect_ns,omitempty"`
	TLS      time.Duration `json:"tls_ns,omitempty"`
	First    time.Duration `json:"first_byte_ns,omitempty"` // request sent → first byte
	Duration time.Duration `json:"duration_ns"`             // everything
}

// OK reports whether the probe succeeded.
func (r Result) OK() bool { return r.Class == ClassOK }

// Verdict is what the results so far mean.
type Verdict uint8

// Verdicts. Unknown lasts until the first rise or fall count is reached.
const (
	Unknown Verdict = iota
	Up
	Down
)

// String returns the lower-case word.
func (v Verdict) String() string { return [...]string{"unknown", "up", "down"}[v] }

// MarshalText makes verdicts readable in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote; an unknown word is Unknown.
func (v *Verdict) UnmarshalText(b []byte) error {
	*v = Unknown
	for c := Unknown; c <= Down; c++ {
		if c.String() == string(b) {
			*v = c
		}
	}
	return nil
}

// Status is a snapshot of one shared probe.
type Status struct {
	Key       Key       `json:"key"`
	Verdict   Verdict   `json:"verdict"`
	Since     time.Time `json:"since,omitzero"` // of the verdict
	Last      Result    `json:"last"`
	Streak    int       `json:"streak"` // equal results in a row
	Successes uint64    `json:"successes"`
	Failures  uint64    `json:"failures"`
	// Inconclusive counts results of ClassInternal.
	Inconclusive uint64    `json:"inconclusive,omitempty"`
	Next         time.Time `json:"next,omitzero"` // zero while a probe runs
}
