package conf

import "math"

var routeBlock = &block{
	name:   "route",
	labels: []label{{"destination", "network, `\"198.51.100.0/24\"`; `\"0.0.0.0/0\"` or `\"::/0\"` is the default route"}},
	help:   "A route that follows the state of the instance: it is there while this director is master.",
	attrs: []*attr{
		{name: "type", kind: kindWord, def: `"unicast"`, words: []string{"unicast", "blackhole", "unreachable", "prohibit"}, help: "What happens to the packets."},
		{name: "via", kind: kindIP, help: "Gateway."},
		{name: "interface", kind: kindInterface, help: "Interface that the packets leave by."},
		{name: "on_link", kind: kindBool, def: "false", help: "The gateway is on the interface, whatever the interface's networks are."},
		{name: "table", kind: kindInt, def: "254", min: 1, max: math.MaxUint32, help: "Routing table; 254 is the main one."},
		{name: "metric", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Routes with a lower metric are preferred."},
		{name: "source", kind: kindIP, help: "Preferred source address, for example a virtual address. The route comes back with it when somebody removes it."},
		{name: "mtu", kind: kindInt, def: "0", min: 0, max: 65535, help: "Largest packet; 0 is the interface's."},
	},
	blocks: []*block{hopBlock},
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
		{name: "action", kind: kindWord, def: `"lookup"`, words: []string{"lookup", "blackhole", "unreachable", "prohibit"}, help: "What happens to packets that match."},
		{name: "table", kind: kindInt, min: 1, max: math.MaxUint32, defNote: "required with `lookup`", help: "Routing table to look up."},
		{name: "from", kind: kindString, help: "Source network."},
		{name: "to", kind: kindString, help: "Destination network."},
		{name: "in", kind: kindInterface, help: "Interface that packets came by; `lo` is this host itself."},
		{name: "out", kind: kindInterface, help: "Interface that packets of this host are bound to."},
		{name: "mark", kind: kindInt, def: "0", min: 0, max: math.MaxUint32, help: "Firewall mark."},
		{name: "mask", kind: kindInt, min: 1, max: math.MaxUint32, defNote: "all bits when `mark` is given", help: "Bits of the mark that count."},
		{name: "not", kind: kindBool, def: "false", help: "For packets that do not match."},
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
	attrs:  addressBlock.attrs,
}
