package conf

import "math"

// deliveryAttrs say how the adverts of an instance travel.
var deliveryAttrs = []*attr{
	{name: "source", kind: kindIP, defNote: "the interface's first address, or its link-local one",
		help: "Source address of the adverts of its family. It decides ties, and must be one of this director's own addresses."},
	{name: "group", kind: kindGroup, defNote: "224.0.0.18 or ff02::12",
		help: "Multicast group of the adverts of its family; all directors must agree."},
	{name: "receive_buffer", kind: kindInt, def: "0", min: 0, max: math.MaxInt32,
		help: "Octets that this instance adds to the receive buffer of the socket that hears adverts on its interface; when no instance adds any it is 1 MiB."},
	{name: "receive_buffer_packets", kind: kindInt, def: "0", min: 0, max: math.MaxUint16,
		help: "The same as a number of packets of the interface's MTU."},
	{name: "unicast", kind: kindBool, def: "false",
		help: "Send adverts to each of the other directors instead of a multicast group: to their `address`, from this one's. The block `unicast` sets more."},
}

// unicastBlock is the long form of the attribute unicast.
var unicastBlock = &block{
	name: "unicast", once: true,
	help: "Adverts go to peers instead of a multicast group.",
	attrs: []*attr{
		{name: "peers", kind: kindAddresses, defNote: "the addresses of the other directors",
			help: "Where adverts go."},
		{name: "check_source", kind: kindBool, def: "true",
			help: "Accept adverts of these peers only. keepalived accepts all by default."},
		{name: "ttl", kind: kindInt, def: "255", min: 1, max: 255, help: "TTL or hop limit of the adverts."},
		{name: "need_peers", kind: kindBool, def: "false",
			help: "With an empty list of peers the instance is at fault, instead of the list being an error."},
		{name: "min_ttl", kind: kindInt, def: "0", min: 0, max: 255,
			help: "Least TTL that a peer's adverts may arrive with. With `255` nobody can send them from beyond a router; keepalived sends IPv6 adverts to peers with 64."},
	},
}
