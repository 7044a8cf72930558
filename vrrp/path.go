package vrrp

import (
	"net/netip"
	"time"
)

// Paths are routes and rules that follow the state of a virtual router: they
// are there while it is master.
type Paths struct {
	Routes []Route `json:",omitempty"`
	Rules  []Rule  `json:",omitempty"`
}

// RouteType says what a route does with packets (linux/rtnetlink.h, RTN_…).
type RouteType uint8

// Types of routes.
const (
	RouteUnicast     RouteType = 1
	RouteBlackhole   RouteType = 6
	RouteUnreachable RouteType = 7
	RouteProhibit    RouteType = 8
)

// Route is one entry of a routing table.
type Route struct {
	Destination netip.Prefix // with length 0 the default route
	Type        RouteType
	Via         netip.Addr // gateway
	Interface   string
	OnLink      bool // the gateway is on the interface whatever its network is
	Table       uint32
	Metric      uint32
	Source      netip.Addr
	MTU         uint32
	// From makes the route one for packets of a source network only (IPv6).
	From netip.Prefix
	// Scope is how far the destination is (linux/rtnetlink.h, RT_SCOPE_…); nil
	// takes it from the gateway: link without one, else global.
	Scope *uint8 `json:",omitempty"`
	// TOS is the type of service that packets must have (IPv4); 0 is any.
	TOS uint8 `json:",omitempty"`
	// Realm is a class of traffic, for tc (destination in the low 16 bits, source
	// in the high ones).
	Realm uint32 `json:",omitempty"`
	// Protocol says who made the route; 0 is this daemon.
	Protocol uint8 `json:",omitempty"`
	// Order is where the route goes among those of the same destination and
	// metric.
	Order RouteOrder `json:",omitempty"`
	// Preference is that of router advertisements (RFC 4191; IPv6).
	Preference RoutePreference `json:",omitempty"`
	// Expires ends the route by itself, in seconds (IPv6); 0 never does.
	Expires time.Duration `json:",omitempty"`
	Tuning  RouteTuning
	// Hops, if there are any, share the traffic instead of Via and Interface.
	Hops []Hop
}

// RouteOrder is where a route goes among those of the same destination and
// metric.
type RouteOrder uint8

// Orders of routes.
const (
	RouteOnly    RouteOrder = iota // there may be no other
	RouteAppend                    // after the others
	RoutePrepend                   // before the others
)

// RoutePreference is the preference of a default router (linux/icmpv6.h,
// ICMPV6_ROUTER_PREF_…).
type RoutePreference uint8

// Preferences of routes.
const (
	PreferenceMedium RoutePreference = 0
	PreferenceHigh   RoutePreference = 1
	PreferenceLow    RoutePreference = 3
)

// RouteTuning tunes the connections over a route (linux/rtnetlink.h, RTAX_…).
// Zero leaves a value to the kernel.
type RouteTuning struct {
	// Locked are the values that discovery must not change, a bit for each of
	// the kernel's numbers: 1<<RTAX_MTU and so on.
	Locked             uint32        `json:",omitempty"`
	HopLimit           uint32        `json:",omitempty"`
	MSS                uint32        `json:",omitempty"` // that is advertised
	Window             uint32        `json:",omitempty"`
	RTT                time.Duration `json:",omitempty"` // first estimate; steps of 125 µs
	RTTVar             time.Duration `json:",omitempty"` // steps of 250 µs
	MinRTO             time.Duration `json:",omitempty"` // steps of 1 ms
	Reordering         uint32        `json:",omitempty"`
	CongestionWindow   uint32        `json:",omitempty"` // upper bound
	SlowStartThreshold uint32        `json:",omitempty"`
	InitialWindow      uint32        `json:",omitempty"` // of congestion
	InitialReceive     uint32        `json:",omitempty"` // receive window in packets
	ECN                bool          `json:",omitempty"`
	QuickACK           bool          `json:",omitempty"`
	NoFastOpenCookie   bool          `json:",omitempty"`
	Congestion         string        `json:",omitempty"` // control algorithm
}

// Hop is one of several gateways of a route.
type Hop struct {
	Via       netip.Addr
	Interface string
	Weight    int // 1..256
}

// RuleAction says what a rule does (linux/fib_rules.h, FR_ACT_…).
type RuleAction uint8

// Actions of rules.
const (
	RuleLookup      RuleAction = 1
	RuleGoto        RuleAction = 2
	RuleNop         RuleAction = 3
	RuleBlackhole   RuleAction = 6
	RuleUnreachable RuleAction = 7
	RuleProhibit    RuleAction = 8
)

// Rule selects the routing table for packets.
type Rule struct {
	Family   Family
	Priority uint32 // 0 lets the kernel choose
	From, To netip.Prefix
	In, Out  string // interfaces
	Mark     uint32 // firewall mark, with Mask
	Mask     uint32
	Action   RuleAction
	Table    uint32
	NotMatch bool // the rule is for packets that do not match

	// Goto is the priority of the rule to go on with.
	Goto     uint32 `json:",omitempty"`
	TOS      uint8  `json:",omitempty"` // type of service; 0 is any
	TunnelID uint64 `json:",omitempty"`
	Realm    uint32 `json:",omitempty"` // class of traffic that packets get
	Protocol uint8  `json:",omitempty"` // who made the rule; 0 is this daemon
	// IPProtocol is the number of the transport protocol; 0 is any.
	IPProtocol       uint8     `json:",omitempty"`
	SourcePorts      PortRange `json:",omitzero"`
	DestinationPorts PortRange `json:",omitzero"`
	Users            UserRange `json:",omitzero"`
	// L3Master looks up the table of the VRF that the packet belongs to.
	L3Master bool `json:",omitempty"`
	// MinPrefix leaves out routes with a prefix shorter than this.
	MinPrefix uint8 `json:",omitempty"`
	// NotGroup leaves out routes over interfaces of this group; 0 leaves out
	// none.
	NotGroup uint32 `json:",omitempty"`
}

// PortRange is a range of ports, both ends included. The zero value is any.
type PortRange struct{ First, Last uint16 }

// UserRange is a range of user numbers, both ends included.
type UserRange struct {
	Set         bool
	First, Last uint32
}
