package conf

import (
	"math"
	"time"
)

var routeBlock = &block{
	name:   "route",
	labels: []label{{"destination", "network, `\"198.51.100.0/24\"`; `\"0.0.0.0/0\"` or `\"::/0\"` is the default route"}},
	help:   "A route that follows the state of the instance: it is there while this director is master.",
	attrs: []*attr{
		{name: "type", kind: kindWord, def: `"unicast"`, words: []string{"unicast", "blackhole", "unreachable", "prohibit"}, help: "What happens to the packets."},
		{name: "via", kind: kindIP, help: "Gateway; an IPv4 route may have an IPv6 one."},
		{name: "interface", kind: kindInterface, help: "Interface that the packets leave by."},
		{name: "on_link", kind: kindBool, def: "false", help: "The gateway is on the interface, whatever the interface's networks are."},
		{name: "table", kind: kindInt, def: "254", min: 1, max: math.MaxUint32, help: "Routing table; 254 is the main one."},
		{name: "metric", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Routes with a lower metric are preferred."},
		{name: "source", kind: kindIP, help: "Preferred source address, for example a virtual address. The route comes back with it when somebody removes it."},
		{name: "mtu", kind: kindInt, def: "0", min: 0, max: 65535, help: "Largest packet; 0 is the interface's."},
		{name: "from", kind: kindString, help: "Source network that the route is for (IPv6)."},
		{name: "scope", kind: kindWord, words: []string{"global", "site", "link", "host", "nowhere"}, defNote: "`link` without a gateway, else `global`", help: "How far the destination is."},
		{name: "tos", kind: kindInt, def: "0", min: 0, max: 255, help: "Type of service that packets must have (IPv4); 0 is any."},
		{name: "realm", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Class of traffic for `tc`: the destination's, plus 65536 times the source's."},
		{name: "protocol", kind: kindInt, def: "0", min: 0, max: 255, help: "Number of the program that made the route, as others see it; 0 is vipd's, 112."},
		{name: "order", kind: kindWord, def: `"only"`, words: []string{"only", "append", "prepend"}, help: "Whether there may be others of the same destination and metric, and whether this one comes after or before them."},
		{name: "preference", kind: kindWord, def: `"medium"`, words: []string{"low", "medium", "high"}, help: "Preference among routers that are equal otherwise (IPv6)."},
		{name: "expires", kind: kindDuration, def: `"0s"`, min: 0, max: int64(1000 * 24 * time.Hour), help: "The kernel removes the route after this time (IPv6); `\"0s\"` never."},
	},
	blocks: []*block{hopBlock, tuningBlock},
}

var tuningBlock = &block{
	name: "tuning", once: true,
	help: "Tunes the connections over the route. What is not written is left to the kernel.",
	attrs: []*attr{
		{name: "lock", kind: kindStrings, help: "Values that discovery must not change: " + lockNames() + "."},
		{name: "hop_limit", kind: kindInt, def: "0", min: 0, max: 255, help: "Hop limit (TTL) of packets."},
		{name: "mss", kind: kindInt, def: "0", min: 0, max: 65535, help: "Largest TCP segment that is advertised."},
		{name: "window", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Largest TCP window that is advertised."},
		{name: "rtt", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour), help: "First estimate of the round trip time, in steps of 0.125 ms."},
		{name: "rtt_variance", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour), help: "First estimate of its variance, in steps of 0.25 ms."},
		{name: "min_rto", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour), help: "Shortest retransmission timeout, in steps of 1 ms."},
		{name: "reordering", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "How far packets may be out of order before they are taken for lost."},
		{name: "congestion_window", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Upper bound of the congestion window, in segments."},
		{name: "slow_start_threshold", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "First estimate of the slow start threshold, in segments."},
		{name: "initial_window", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Congestion window of new connections, in segments."},
		{name: "initial_receive", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Receive window of new connections, in segments."},
		{name: "ecn", kind: kindBool, def: "false", help: "Explicit congestion notification, whatever the host's setting is."},
		{name: "quick_ack", kind: kindBool, def: "false", help: "No delayed acknowledgements."},
		{name: "fast_open_without_cookie", kind: kindBool, def: "false", help: "TCP Fast Open without its cookie."},
		{name: "congestion", kind: kindString, help: "Congestion control algorithm, for example `bbr`."},
	},
}

var hopBlock = &block{
	name: "hop",
	help: "One of several gateways that share the traffic, instead of `via` and `interface`.",
	attrs: []*attr{
		{name: "via", kind: kindIP, help: "Gateway."},
		{name: "interface", kind: kindInterface, help: "Interface that the packets leave by."},
		{name: "weight", kind: kindInt, def: "1", min: 1, max: 256, help: "Share of the traffic."},
	},
}

var ruleBlock = &block{
	name: "rule",
	help: "A rule for choosing the routing table that follows the state of the instance.",
	attrs: []*attr{
		{name: "priority", kind: kindInt, required: true, min: 1, max: 32765, help: "Rules with a lower number come first."},
		{name: "action", kind: kindWord, def: `"lookup"`, words: []string{"lookup", "goto", "nop", "blackhole", "unreachable", "prohibit"}, help: "What happens to packets that match."},
		{name: "table", kind: kindInt, min: 1, max: math.MaxUint32, defNote: "required with `lookup` unless `l3_master`", help: "Routing table to look up."},
		{name: "from", kind: kindString, help: "Source network."},
		{name: "to", kind: kindString, help: "Destination network."},
		{name: "in", kind: kindInterface, help: "Interface that packets came by; `lo` is this host itself."},
		{name: "out", kind: kindInterface, help: "Interface that packets of this host are bound to."},
		{name: "mark", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Firewall mark."},
		{name: "mask", kind: kindInt, min: 1, max: math.MaxUint32, defNote: "all bits when `mark` is given", help: "Bits of the mark that count."},
		{name: "not", kind: kindBool, def: "false", help: "For packets that do not match."},
		{name: "goto", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Priority of the rule to go on with, for `action = \"goto\"`."},
		{name: "tos", kind: kindInt, def: "0", min: 0, max: 255, help: "Type of service; 0 is any."},
		{name: "tunnel_id", kind: kindInt, def: "0", min: 0, max: math.MaxInt64, help: "Tunnel that packets came by; 0 is any."},
		{name: "realm", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Class of traffic that packets get, as in routes."},
		{name: "protocol", kind: kindInt, def: "0", min: 0, max: 255, help: "Number of the program that made the rule, as others see it; 0 is vipd's, 112."},
		{name: "ip_protocol", kind: kindInt, def: "0", min: 0, max: 255, help: "Number of the transport protocol: 6 is TCP, 17 is UDP; 0 is any."},
		{name: "source_ports", kind: kindString, help: "A port or a range, `\"1024-65535\"`."},
		{name: "destination_ports", kind: kindString, help: "A port or a range."},
		{name: "users", kind: kindString, help: "Range of user numbers whose packets it is for, `\"1000-1999\"`."},
		{name: "l3_master", kind: kindBool, def: "false", help: "Look up the table of the VRF that the packet belongs to."},
		{name: "min_prefix", kind: kindInt, def: "0", min: 0, max: 129, help: "Leave out routes with a shorter prefix; 1 leaves out the default route."},
		{name: "not_group", kind: kindInt, def: "0", min: 0, max: math.MaxInt32, help: "Leave out routes over interfaces of this group; 0 leaves out none."},
		{name: "family", kind: kindWord, words: []string{"ipv4", "ipv6"}, defNote: "that of `from` or `to`, else `ipv4`", help: "Address family."},
	},
}

var staticBlock = &block{
	name: "static", once: true,
	help:   "Addresses, routes and rules that are there while vipd runs, whatever the elections decide.",
	blocks: []*block{staticAddressBlock, routeBlock, ruleBlock},
}

var staticAddressBlock = &block{
	name:   "address",
	labels: []label{{"address", "with its prefix length: `\"192.0.2.5/24\"`"}},
	help:   "An address of this host.",
	attrs:  siteAttrs,
}
