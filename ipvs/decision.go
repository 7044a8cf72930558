package ipvs

import (
	"net/netip"
	"time"
)

// Verdict is what the checks say of a real server.
type Verdict uint8

// Verdicts. Unknown lasts until the checks have made up their mind; a real
// server without checks is Up.
const (
	Unknown Verdict = iota
	Up
	Down
)

// String returns the lower-case word.
func (v Verdict) String() string { return [...]string{"unknown", "up", "down"}[v] }

// Inputs are what a pool decides on, besides its configuration and what it
// has seen so far. Real servers are named by their configured addresses.
type Inputs struct {
	Now     time.Time
	Verdict func(netip.AddrPort) Verdict
	// Weight returns the weight that the checks give a real server; nil = the
	// configured one.
	Weight func(RealServer) int
	// Override returns the weight that an operator gave a real server; nil =
	// none.
	Override func(netip.AddrPort) (weight int, ok bool)
	// Have returns the kernel's entry of a service, or nil.
	Have func(ServiceKey) *Entry
	// Idle reports whether the kernel counts no connection of a destination;
	// nil = nobody knows.
	Idle func(ServiceKey, netip.AddrPort) bool
	// Suspended: the checks rest, what they said last counts.
	Suspended bool

	had map[ServiceKey]*seeker // what Have said, once asked
}

// Decision is what one virtual server should look like now.
type Decision struct {
	// Entries are the services of the pool, in the order of Config.Keys.
	Entries []Entry
	// Servers tells for each configured real server what was decided and why.
	Servers []ServerDecision
	// Leaving are destinations that are configured no more and drain.
	Leaving []ServerDecision
	// Available counts the real servers that are given new connections.
	Available int
	// Weight is the sum that counts for the quorum; Quorum tells whether the
	// pool has it.
	Weight int
	Quorum bool
	// FallbackActive: the pool has no quorum and the fallback is in.
	FallbackActive bool
	// Changes are news since the last decision.
	Changes []Change
	// Next is when the pool must be asked again because time alone changes
	// something; zero = never.
	Next time.Time
}

// ServerDecision is what was decided about one real server.
type ServerDecision struct {
	Address netip.AddrPort // as configured
	Weight  int
	Present bool // in the table
	Reason  Reason
}

// Reason says why a real server has its weight.
type Reason string

// Reasons.
const (
	ReasonUp        Reason = "up"         // the full weight
	ReasonUnknown   Reason = "unknown"    // no verdict yet: as the kernel has it, or assumed up
	ReasonUnproven  Reason = "unproven"   // no verdict yet, and alpha
	ReasonDown      Reason = "down"       // the checks say so
	ReasonHeld      Reason = "held"       // the checks say down, but too many are
	ReasonSlowStart Reason = "slow_start" // growing after a recovery
	ReasonDrained   Reason = "drained"    // an operator wants no new connections
	ReasonOverride  Reason = "override"   // the operator's weight
	ReasonNoQuorum  Reason = "no_quorum"  // up, but the fallback serves
	ReasonLeaving   Reason = "leaving"    // no longer configured, its connections drain
	ReasonZero      Reason = "zero"       // configured, or set by its checks
)

// ChangeKind names news about a pool.
type ChangeKind string

// Kinds of changes.
const (
	QuorumGained ChangeKind = "quorum_up"
	QuorumLost   ChangeKind = "quorum_down"
	ServerUp     ChangeKind = "server_up"
	ServerDown   ChangeKind = "server_down"
)

// Change is something that a hook may want to hear of.
type Change struct {
	Kind   ChangeKind
	Server netip.AddrPort // of the kinds about a real server
	Weight int            // sum of the pool at that moment
}
