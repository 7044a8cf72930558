// Package healthcheck decides whether real servers are up. It is pure: probes
// run elsewhere (package probe), the schedule and the verdicts are computed
// here from results and the time that callers pass in.
package healthcheck

import (
	"net/netip"
	"time"
)

// Settings say what one probe puts on the wire and what it expects. The type
// is comparable: equal settings and target mean one shared probe.
type Settings struct {
	Kind    Kind
	Timeout time.Duration // of one probe, everything included
	Network Network       `json:",omitzero"`
	TLS     TLS           `json:",omitzero"`
	// Params are what only checks of this kind have: HTTP for kinds http,
	// https and http_proxy, and so on (see Defaults); nil when there is nothing
	// to say.
	Params Params `json:",omitempty"`
}

// Params is a comparable struct with the settings of one kind of check.
type Params interface {
	// validate adds what is wrong with the settings s that hold it.
	validate(s Settings, p *problems)
}

// Network says from where a probe is sent. The zero value leaves all to the
// routing table.
type Network struct {
	Source    netip.Addr `json:",omitzero"` // local address; zero = the kernel's choice
	Interface string     `json:",omitzero"` // SO_BINDTODEVICE; empty = any
	Port      uint16     `json:",omitzero"` // local port; 0 = the kernel's choice
	Mark      uint32     `json:",omitzero"` // SO_MARK, for policy routing; 0 = none
}

// TLSMode says whether and how a connection is encrypted.
type TLSMode string

// Modes of TLS.
const (
	TLSOff   TLSMode = ""
	TLSOn    TLSMode = "on"       // from the first byte
	TLSStart TLSMode = "starttls" // after the command of the protocol
)

// TLS are the settings of an encrypted check.
type TLS struct {
	Mode       TLSMode `json:",omitzero"`
	ServerName string  `json:",omitzero"` // in the hello; empty = the virtual host, if the kind has one
	Verify     bool    `json:",omitzero"` // verify the certificate's chain, dates and name
	MinDays    int     `json:",omitzero"` // days that the certificate must still be valid; 0 = not looked at
	// Certificate and Key are files (PEM) of what is shown to a server that asks
	// for a certificate; empty = none. They are read when it asks, so that a
	// renewed one needs no reload.
	Certificate, Key string `json:",omitzero"`
}

// Timing says how often to probe and how many results make a verdict.
type Timing struct {
	Interval time.Duration `json:",omitzero"`
	Rise     int           `json:",omitzero"` // consecutive successes until up, ≥ 1
	Fall     int           `json:",omitzero"` // consecutive failures until down, ≥ 1

	Retry        time.Duration `json:",omitzero"` // pause after a failure until the verdict is down; 0 = Interval
	DownInterval time.Duration `json:",omitzero"` // pause while the verdict is down; 0 = Interval
	Warmup       time.Duration `json:",omitzero"` // the first probes are spread over this; 0 = at most 1 s, or as LearnWithin says of many

	// Cheap is how many times in a row a TCP connection stands in for a probe
	// that has succeeded; 0 = never.
	Cheap int `json:",omitzero"`

	// A verdict that went down Flaps times within FlapWindow comes up again
	// only after FlapWindow without a failure. 0 = no damping.
	Flaps      int           `json:",omitzero"`
	FlapWindow time.Duration `json:",omitzero"`

	// Latency makes the weight follow the latency; zero = it does not.
	Latency LatencyWeight `json:",omitzero"`

	// LogFailures tells of every failure, not only of changes of the verdict.
	LogFailures bool `json:",omitzero"`
	// LogFile gets a line for every result; empty = none.
	LogFile string `json:",omitzero"`
}

// Check is one configured check.
type Check struct {
	Name     string // of the top-level block, empty for an inline one
	Settings Settings
	Timing   Timing
	Port     uint16     `json:",omitzero"` // 0 = the real server's
	Address  netip.Addr `json:",omitzero"` // to probe instead of the real server; zero = the real server's
	// DependsOn is a check without which this one says nothing: while that one
	// is down, the verdict of this one is Unknown. nil = none.
	DependsOn *Check `json:",omitempty"`
}

// Key identifies a shared probe: same target, same settings, same timing.
type Key struct {
	Target   netip.AddrPort // port 0 for ping
	Settings Settings
	Timing   Timing
}

// KeyFor returns the key of check c against a real server.
func KeyFor(c Check, real netip.AddrPort) Key {
	address, port := real.Addr(), real.Port()
	if c.Address.IsValid() {
		address = c.Address
	}
	if c.Port != 0 {
		port = c.Port
	}
	if c.Settings.Kind == KindPing {
		port = 0
	}
	return Key{Target: netip.AddrPortFrom(address, port), Settings: c.Settings, Timing: c.Timing}
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
	Advice   Advice        `json:"advice,omitzero"`         // on the weight, from kinds that give one
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
	Inconclusive uint64        `json:"inconclusive,omitempty"`
	Latency      time.Duration `json:"latency_ns,omitempty"` // smoothed, of successes
	Advice       Advice        `json:"advice,omitzero"`      // on the weight, of the last success
	Held         bool          `json:"held,omitempty"`       // well again, but still down because it flaps
	Next         time.Time     `json:"next,omitzero"`        // zero while a probe runs
}
