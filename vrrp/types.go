package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

// Family is the address family of a virtual router. VRID spaces of the two
// families on one interface are independent (RFC 9568 §1.2).
type Family uint8

// Address families, numbered as people name them.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// String returns "ipv4" or "ipv6".
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ipv4"
	case IPv6:
		return "ipv6"
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// RouterID is the identity of a virtual router on this director: everything
// else about it can change in place, this cannot.
type RouterID struct {
	Interface string
	Family    Family
	VRID      uint8 // 1..255
}

// String returns the form used in logs, for example "eth0/ipv4/51".
func (id RouterID) String() string {
	return fmt.Sprintf("%s/%s/%d", id.Interface, id.Family, id.VRID)
}

// State is the state of one virtual router (RFC 9568 §6.3), plus Fault, in
// which the interface cannot carry it and no advert is sent or expected.
type State uint8

// States of a virtual router.
const (
	StateInitialize State = iota
	StateFault
	StateBackup
	StateMaster
)

// String returns the lower-case name of the state.
func (s State) String() string {
	switch s {
	case StateInitialize:
		return "initialize"
	case StateFault:
		return "fault"
	case StateBackup:
		return "backup"
	case StateMaster:
		return "master"
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MarshalText makes states readable in JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(b []byte) error {
	for c := StateInitialize; c <= StateMaster; c++ {
		if c.String() == string(b) {
			*s = c
			return nil
		}
	}
	return fmt.Errorf("unknown state %q", b)
}

// Checksum selects the form of the VRRPv3 over IPv4 checksum that is sent.
// Both forms are always accepted.
type Checksum uint8

// Checksum forms.
const (
	// ChecksumPseudo covers the IPv4 pseudo-header (RFC 5798 as keepalived
	// and FRR read it, and the only form they accept).
	ChecksumPseudo Checksum = iota
	// ChecksumPlain covers the message alone (RFC 9568 §5.2.8).
	ChecksumPlain
)

// LeaseMode says how long the kernel keeps a virtual address without a living
// daemon behind it.
type LeaseMode uint8

// Lease modes.
const (
	// LeaseAuto is LeaseHeal when another director is configured or was ever
	// heard, otherwise LeaseOff.
	LeaseAuto LeaseMode = iota
	// LeaseHeal outlives every backup's takeover, then ends by itself.
	LeaseHeal
	// LeaseStrict ends before any backup can take over.
	LeaseStrict
	// LeaseOff adds permanent addresses.
	LeaseOff
)

// String returns the configuration word.
func (m LeaseMode) String() string {
	switch m {
	case LeaseAuto:
		return "auto"
	case LeaseHeal:
		return "heal"
	case LeaseStrict:
		return "strict"
	case LeaseOff:
		return "off"
	}
	return fmt.Sprintf("lease(%d)", uint8(m))
}

// Defaults that keepalived users expect.
const (
	DefaultPriority       = 100
	PriorityOwner         = 255
	DefaultAdvertInterval = time.Second
	DefaultGARPRepeat     = 5
	DefaultGARPDelay      = 5 * time.Second
	// DefaultDownAdverts is how many adverts in a row must be missing until
	// the master is taken for dead (RFC 9568 §6.1).
	DefaultDownAdverts = 3
	// ReadyBound is how long a fresh start waits for the checker's first
	// round before it may preempt a living master.
	ReadyBound = 30 * time.Second
)

// Announce sets how a new master announces its addresses.
type Announce struct {
	Repeat int           // gratuitous ARPs per address and block, 1..100
	Delay  time.Duration // when the second block follows; 0 sends none
	// Refresh repeats the announcement while the router is master, so many
	// times that RefreshRepeat says; 0 never does.
	Refresh       time.Duration
	RefreshRepeat int
	// LowerRepeat and LowerDelay replace Repeat and Delay after a master heard
	// an advert that lost against its own; LowerRepeat 0 leaves both as they
	// are, negative announces nothing.
	LowerRepeat int
	LowerDelay  time.Duration
	// Interval is the least time between two announcements on an interface.
	Interval time.Duration
	// Pace names a set of interfaces that have Interval together, for those at
	// one switch; "" is each for itself.
	Pace string
	// Interfaces are announced on as well.
	Interfaces []string
	// Extra repeats the announcement of addresses with a virtual MAC that adverts
	// are not sent from, or with ExtraAll of all; 0 never does.
	Extra    time.Duration
	ExtraAll bool
}

// Config describes one virtual router. The zero value is not valid; package
// conf fills the defaults and checks the ranges.
type Config struct {
	Name           string
	ID             RouterID
	Version        uint8         // 2 or 3
	Priority       uint8         // 1..254, 255 = address owner
	AdvertInterval time.Duration // v2 whole seconds 1..255 s, v3 10 ms..40.95 s in steps of 10 ms
	// Addresses are the virtual ones in configured order, with prefix length. One
	// that is there twice is held once and advertised twice: keepalived sends what
	// is written, and counts what it hears.
	Addresses []netip.Prefix
	// Excluded are addresses that are held but not advertised.
	Excluded []netip.Prefix
	// Options are how addresses are put on the host, for those that need any.
	Options map[netip.Prefix]AddressOptions
	VMAC    VMAC
	// Paths are there while this router is master.
	Paths    Paths
	Preempt  bool
	Checksum Checksum
	Lease    LeaseMode
	// HandOver says how this router leaves as master.
	HandOver HandOver
	// Peers is set when the configuration names another director.
	Peers    bool
	Announce Announce
	// Tracks are what the priority or the fitness to run depends on.
	Tracks   []Track
	Delivery Delivery
	Auth     Auth

	// DownAdverts replaces DefaultDownAdverts when it is not zero.
	DownAdverts uint8
	// PreemptDelay is how long a lower-priority master is obeyed, from its
	// first advert on, before it may be preempted.
	PreemptDelay time.Duration
	// StartDelay is how long after the start of the daemon nothing is taken
	// over: the master-down interval begins to count then.
	StartDelay time.Duration
	// LinkDown and LinkUp are how long the interface must be down or up for it
	// to count: one that flaps causes no transition. The longest ones of all
	// routers on an interface are used.
	LinkDown, LinkUp time.Duration
	// IgnoreCarrier lets the router run on while its interface is down or without
	// carrier, for interfaces whose state says nothing.
	IgnoreCarrier bool
	// NoAccept drops packets to the virtual addresses instead of accepting
	// them like any address of the host (RFC 9568 §6.1, Accept_Mode false). The
	// owner of the addresses accepts them always.
	NoAccept bool
	// Deviations are rules of the RFC that do not count.
	Deviations Deviations
	// ProbeDuplicates looks for other hosts that use the addresses before the
	// first claim.
	ProbeDuplicates bool
	// TellLower has every advert reported that loses against this master's own.
	TellLower bool
}

// Deviations are departures from the RFC that some networks want.
type Deviations struct {
	// SilentToLower keeps a master from answering an advert that loses against
	// its own out of turn (RFC 9568 §6.4.3).
	SilentToLower bool
	// AnswerHigher sends one more advert before a master yields to a better
	// one, for peers that must see it.
	AnswerHigher bool
	// DeafOwner ignores all adverts while this director owns the addresses.
	DeafOwner bool
	// TrustMaster takes adverts of the master that is known whatever addresses
	// they list.
	TrustMaster bool
}
