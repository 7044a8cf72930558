package conf

import (
	"math"
	"time"

	"github.com/vipd/vipd/ipvs"
)

// maxPersistence is the longest timeout that ipvsadm offers (31 days); the
// kernel multiplies the seconds by its clock rate in 32 bits.
const maxPersistence = 31 * 24 * time.Hour

// forwardAliases are the words of ipvsadm, ldirectord and keepalived.
var forwardAliases = map[string]string{
	"gate": "direct", "dr": "direct", "droute": "direct",
	"masq": "masquerade", "nat": "masquerade",
	"ipip": "tunnel", "tun": "tunnel",
}

// weightHint is about weights that the kernel does not keep.
const weightHint = "only the ratio of the weights of a virtual_server counts: scale them all; 0 takes no new connections"

var forwardWords = []string{"direct", "masquerade", "tunnel"}

var serverBlock = &block{
	name:   "virtual_server",
	labels: []label{{"name", "name in logs, status and notes"}},
	help: "A service of IPVS: connections to an address and port, or packets with a firewall mark, are spread over real servers. " +
		"With several addresses or marks it is a group: one pool behind all of them. One of `address`, `addresses`, `fwmark` and `fwmarks` is needed.",
	attrs: []*attr{
		{name: "address", kind: kindString, help: "Address and port, `\"192.0.2.10:80\"` or `\"[2001:db8::10]:80\"`. Port 0 means every port and needs `persistence`."},
		{name: "addresses", kind: kindStrings,
			help: "Further addresses: single ones, ranges `\"192.0.2.10-20:80\"` or networks `\"192.0.2.16/28:80\"`."},
		{name: "fwmark", kind: kindInt, min: 1, max: math.MaxUint32, help: "Firewall mark instead of an address."},
		{name: "fwmarks", kind: kindInts, min: 1, max: math.MaxUint32, help: "Several firewall marks."},
		{name: "family", kind: kindWord, def: `"ipv4"`, words: []string{"ipv4", "ipv6"}, help: "Address family of the packets with a mark."},
		{name: "protocol", kind: kindWord, def: `"tcp"`, words: []string{"tcp", "udp", "sctp"}, help: "Transport protocol of the addresses."},
		{name: "scheduler", kind: kindWord, def: `"wlc"`, words: ipvs.Schedulers, help: "How the kernel picks a real server."},
		{name: "scheduler_flags", kind: kindStrings,
			help: "Flags of the scheduler: `sh-port`, `sh-fallback`, `mh-port`, `mh-fallback`, or `flag-1` to `flag-3` for any."},
		{name: "forward", kind: kindWord, required: true, words: forwardWords, aliases: forwardAliases,
			help: "How packets reach the real servers: `direct` (routing, \"gate\"), `masquerade` (NAT) or `tunnel`. The words `gate`, `dr`, `masq`, `nat`, `ipip` and `tun` are understood too."},
		{name: "quiescent", kind: kindBool, defNote: "true for TCP and SCTP, false for UDP and one-packet services",
			help: "A failed real server stays with weight 0, so that its connections live on; false removes it."},
		{name: "one_packet", kind: kindBool, def: "false", help: "Schedule every datagram by itself. UDP and marks only."},
		{name: "alpha", kind: kindBool, def: "false",
			help: "A real server that is not in the kernel's table stays out until its checks say that it is up; otherwise it is assumed up."},
		{name: "omega", kind: kindBool, def: "false", help: "Run the hooks `quorum.on_down` and `on_down` of the real servers that are up when vipd stops."},
		{name: "keep_on_stop", kind: kindBool, defNote: "`global.keep_table_on_stop`",
			help: "Whether the service stays in the IPVS table when vipd stops. The next start finds it and goes on with it."},
		{name: "ha_suspend", kind: kindBool, def: "false",
			help: "Rest the checks while another director holds the address. The table stays as it was. An address that no `vrrp_instance` names is always ours."},
		{name: "slow_start", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour),
			help: "How long the weight of a recovered real server takes to grow to its full size."},
		{name: "drain", kind: kindDuration, def: `"0s"`, min: 0, max: int64(24 * time.Hour),
			help: "How long a real server that was removed from the configuration keeps its connections: it stays with weight 0 until it has none, at most so long. `\"0s\"` removes it at once, which drops them."},
		{name: "min_up", kind: kindShare,
			help: "Real servers that checks cannot take out: a number, or a share such as `\"50%\"`. Those that fail last stay in, because when all seem dead it is rather the checks that are wrong. The fallback then serves only when an operator drains the rest."},
		{name: "fallback", kind: kindString,
			help: "Server of last resort, `\"ip:port\"`, used while the pool has no quorum. A loopback address is this director itself and is always reached with `forward = \"direct\"`, on the port of the service. The block `fallback` sets more."},
		{name: "checks", kind: kindStrings, help: "Names of top-level `check` blocks that every real server must pass."},
		{name: "require", kind: kindInt, min: 1, max: 100, defNote: "all", help: "How many of its checks must be up for a real server to be up; 1 means any."},
	},
	blocks: []*block{persistenceBlock, quorumBlock, alertBlock, tunnelBlock, fallbackBlock, checkDefaultsBlock, inlineCheckBlock, realServerBlock},
}

var persistenceBlock = &block{
	name: "persistence", once: true,
	help: "Connections of one client go to one real server.",
	attrs: []*attr{
		{name: "timeout", kind: kindDuration, def: `"5m"`, min: int64(time.Second), max: int64(maxPersistence),
			help: "How long after its last connection a client is remembered. Whole seconds."},
		{name: "netmask", kind: kindString,
			help: "Clients of one network count as one: `\"255.255.255.0\"`, or a prefix length `\"/24\"`, `\"/64\"`."},
		{name: "engine", kind: kindWord, words: []string{"sip"},
			help: "Tell clients apart by the contents of their packets: `sip` by Call-ID. UDP only."},
	},
}

var quorumBlock = &block{
	name: "quorum", once: true,
	help: "How much of the pool must be up. Without its quorum the pool hands over to its fallback, if it has one.",
	attrs: []*attr{
		{name: "up", kind: kindInt, def: "1", min: 1, max: 1 << 30, help: "Sum of weights of the real servers that serve."},
		{name: "hysteresis", kind: kindInt, def: "0", min: 0, max: 1 << 30,
			help: "How far the sum must be above `up` to gain and below it to lose the quorum."},
		{name: "on_up", kind: kindStrings, help: "Command and arguments to run when the quorum is gained. `VIPD_SERVICE`, `VIPD_STATE` and `VIPD_WEIGHT` are in its environment."},
		{name: "on_down", kind: kindStrings, help: "Command and arguments to run when the quorum is lost; with `alpha` and a fallback also at a start that finds no real server in use."},
		{name: "user", kind: kindString, defNote: "that of `scripts`", help: "User that runs these commands."},
	},
	blocks: []*block{programBlock},
}

var tunnelBlock = &block{
	name: "tunnel", once: true,
	help: "Encapsulation of real servers with `forward = \"tunnel\"`.",
	attrs: []*attr{
		{name: "type", kind: kindWord, def: `"ipip"`, words: []string{"ipip", "gue", "gre"}, help: "IP in IP, generic UDP encapsulation or GRE."},
		{name: "port", kind: kindInt, min: 1, max: math.MaxUint16, help: "UDP port of `gue`, which needs one."},
		{name: "checksum", kind: kindWord, def: `"none"`, words: []string{"none", "full", "remote"},
			help: "Checksum of the outer header: none, full (`gue`, `gre`) or remote checksum offload (`gue`)."},
	},
}

var fallbackBlock = &block{
	name: "fallback", once: true,
	labels: []label{{"address", "`ip:port`; without a port that of the service"}},
	help:   "The server of last resort, when it needs more than an address.",
	attrs: []*attr{
		{name: "forward", kind: kindWord, words: forwardWords, aliases: forwardAliases,
			defNote: "the service's; `direct` for a loopback address", help: "As in `virtual_server`."},
		{name: "weight", kind: kindInt, def: "1", min: 1, max: math.MaxUint16, help: "Its weight.", hint: weightHint},
		{name: "inhibit", kind: kindBool, def: "false",
			help: "Keep it in the table with weight 0 while it is not used, so that its connections live on when real servers are back."},
	},
	blocks: []*block{tunnelBlock},
}

var realServerBlock = &block{
	name: "real_server",
	labels: []label{{"address", "`ip:port`; without a port that of the service. With `direct` and `tunnel` the kernel does not change the port, so it must be the same. " +
		"A host name is looked up at load and again every `resolve_interval`"}},
	help: "A server that does the work.",
	attrs: []*attr{
		{name: "weight", kind: kindInt, def: "1", min: 0, max: math.MaxUint16,
			help: "Its share; 0 takes no new connections.", hint: weightHint},
		{name: "forward", kind: kindWord, words: forwardWords, aliases: forwardAliases,
			defNote: "the service's", help: "As in `virtual_server`."},
		{name: "quiescent", kind: kindBool, defNote: "the service's", help: "As in `virtual_server`."},
		{name: "alpha", kind: kindBool, defNote: "the service's", help: "As in `virtual_server`."},
		{name: "upper_threshold", kind: kindInt, def: "0", min: 0, max: math.MaxUint32,
			help: "Connections at which it gets no new ones; 0 = no limit."},
		{name: "lower_threshold", kind: kindInt, def: "0", min: 0, max: math.MaxUint32,
			help: "Connections below which it gets new ones again; 0 = three quarters of `upper_threshold`."},
		{name: "checks", kind: kindStrings,
			help: "Names of top-level `check` blocks. They replace the service's checks of the same kind and add to the others."},
		{name: "on_up", kind: kindStrings, help: "Command and arguments to run at once when it comes up. `VIPD_SERVICE`, `VIPD_REAL_SERVER` and `VIPD_STATE` are in its environment."},
		{name: "on_down", kind: kindStrings, help: "The same when it goes down."},
		{name: "user", kind: kindString, defNote: "that of `scripts`", help: "User that runs these commands."},
		{name: "mail", kind: kindBool, defNote: "that of the service's `alert`", help: "Whether mails tell of this real server; the service needs an `alert`."},
	},
	blocks: []*block{tunnelBlock, programBlock, inlineCheckBlock},
}

var syncBlock = &block{
	name: "connection_sync", once: true,
	help: "Send the connections that this director knows to the others, so that they live on after a failover. The kernel does it; vipd tells it when to send and when to receive.",
	attrs: []*attr{
		{name: "interface", kind: kindInterface, required: true, help: "Interface that carries the messages."},
		{name: "follow", kind: kindString, help: "Name of a `vrrp_instance`: its master sends, its backups receive. Without it every director does both."},
		{name: "both", kind: kindBool, def: "false", help: "Send and receive in every state of the instance."},
		{name: "id", kind: kindInt, def: "0", min: 0, max: 255,
			help: "Sync ID: directors hear those with the same one; 0 hears all.",
			hint: "any number of one octet that the directors share; group and port keep others apart"},
		{name: "group", kind: kindGroup, defNote: "224.0.0.81", help: "Multicast address."},
		{name: "port", kind: kindInt, min: 1, max: math.MaxUint16, defNote: "8848", help: "UDP port."},
		{name: "ttl", kind: kindInt, min: 1, max: 255, defNote: "1", help: "Hops that the messages may travel."},
		{name: "max_length", kind: kindInt, min: 1024, max: math.MaxUint16, defNote: "what the interface carries", help: "Bytes per message."},
	},
}

var ipvsBlock = &block{
	name: "ipvs", once: true,
	help: "The kernel's IPVS as a whole, and what a director needs of the rest of the kernel. What is not written here stays as it is; what was changed is put back when vipd stops.",
	attrs: []*attr{
		{name: "verify_interval", kind: kindDuration, def: `"30s"`, min: 0, max: int64(24 * time.Hour),
			help: "How often the table is read and compared: what others did to services of vipd is reported and undone, services of others are left alone. A table whose reading takes more than a hundredth of that is read less often, by ten times at most. `\"0s\"` = only on `vipd verify`."},
		{name: "resolve_interval", kind: kindDuration, def: `"5m"`, min: 0, max: int64(24 * time.Hour),
			help: "How often host names of real servers are looked up again; the previous answer stays when that fails. `\"0s\"` = at load only."},
		{name: "tcp_timeout", kind: kindDuration, min: int64(time.Second), max: int64(maxPersistence), help: "How long idle TCP connections are kept. Whole seconds."},
		{name: "tcp_fin_timeout", kind: kindDuration, min: int64(time.Second), max: int64(maxPersistence), help: "The same after a FIN."},
		{name: "udp_timeout", kind: kindDuration, min: int64(time.Second), max: int64(maxPersistence), help: "The same for UDP."},
		{name: "network_namespace", kind: kindString, defNote: "that of vipd",
			help: "Network namespace whose table is programmed: a name in `/run/netns`, or a path. The checks are made where vipd is. A reload does not change it."},
		{name: "tell_first", kind: kindBool, def: "false", help: "Tell of real servers that are taken for alive at the start as if they had come up: to pipes and to the programs of real servers."},
		{name: "flush_on_start", kind: kindBool, def: "false", help: "Remove the services of others when vipd starts; a reload does not."},
		{name: "flush_on_stop", kind: kindBool, def: "false", help: "Remove the services of others, too, when vipd stops."},
		{name: "ip_forward", kind: kindBool, help: "`net.ipv4.ip_forward` and `net.ipv6.conf.all.forwarding`: masquerading needs it."},
		{name: "send_redirects", kind: kindBool, help: "`net.ipv4.conf.*.send_redirects`: false keeps a director with one network card from telling clients of a shorter way."},
		{name: "conntrack", kind: kindBool, help: "`net.ipv4.vs.conntrack`: connections of IPVS are visible to netfilter."},
		{name: "expire_nodest_conn", kind: kindBool, help: "`net.ipv4.vs.expire_nodest_conn`: connections to a removed real server end with their next packet."},
		{name: "expire_quiescent_template", kind: kindBool,
			defNote: "true when a service is persistent and quiescent",
			help:    "`net.ipv4.vs.expire_quiescent_template`: known clients of a real server with weight 0 go elsewhere."},
	},
}
