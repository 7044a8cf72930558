package vrrp

import "net/netip"

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
	// Hops, if there are any, share the traffic instead of Via and Interface.
	Hops []Hop
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
}
