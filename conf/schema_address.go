package conf

var addressAttrs = []*attr{
	{name: "excluded_address", kind: kindPrefixes,
		help: "Further addresses that the master holds and no advert names. Directors may differ in them: during a change, or because there are more than an advert can carry."},
}

var addressBlock = &block{
	name:   "address",
	labels: []label{{"address", "one of `virtual_address` or `excluded_address`, as it is written there"}},
	help:   "How one of the addresses is put on the host, when the defaults do not fit.",
	attrs: append([]*attr{
		{name: "track", kind: kindBool, def: "true", help: "The instance is in fault while the `interface` that is given here is down."},
	}, siteAttrs...),
}

// siteAttrs say how any address is put on the host.
var siteAttrs = []*attr{
	{name: "interface", kind: kindInterface, defNote: "the instance's", help: "Another interface that carries the address. The election stays on the instance's."},
	{name: "label", kind: kindString, help: "Label of an IPv4 address: the interface's name, a colon and a word; at most 15 characters."},
	{name: "scope", kind: kindWord, def: `"global"`, words: []string{"global", "site", "link", "host"}, help: "Where the address is valid (`ip address … scope`). The kernel wants the same for all IPv4 addresses of one network."},
	{name: "broadcast", kind: kindIP, defNote: "none", help: "Broadcast address of an IPv4 address."},
	{name: "peer", kind: kindIP, help: "Address of the far end of a point-to-point interface."},
	{name: "as_source", kind: kindBool, defNote: "`true` for IPv4, `false` for IPv6", help: "The host may choose the address as source of its own connections."},
	{name: "detect_duplicates", kind: kindBool, def: "false", help: "Let the kernel look for others with the same IPv6 address first. Nobody can use it for about a second after every takeover."},
	{name: "flags", kind: kindStrings, help: "Further flags of the address, as `ip address` calls them: `home`, `mngtmpaddr`, `autojoin`, `noprefixroute` (IPv6 addresses have that one always)."},
}

var vmacBlock = &block{
	name: "vmac", once: true,
	help: "An interface with the virtual MAC address of the RFC, 00:00:5e:00:01:VRID (02 for IPv6), for this instance: a macvlan on its interface that carries the addresses. " +
		"Clients keep their ARP entries when the master changes. A switch must let the address move between its ports. A backup says nothing with it " +
		"(with nftables; the interface is in group 112 then).",
	attrs: []*attr{
		{name: "name", kind: kindInterface, defNote: "`vrrp.VRID`; `vrrp6.VRID` for IPv6", help: "Name of the interface. With addresses of both families IPv6 has a `6` added."},
		{name: "transmit", kind: kindWord, def: `"vmac"`, words: []string{"vmac", "base"},
			help: "What adverts are sent from: `vmac`, as the RFC asks for, or `base`, the instance's interface with its own MAC address, for networks that bind MAC addresses to ports."},
	},
}
