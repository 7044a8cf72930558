package conf

import (
	"slices"
	"time"
)

// rootBlock is the language.
var rootBlock = withDefaults(&block{
	name: "",
	help: "The top level of a file. Several files are read as one.",
	attrs: []*attr{
		{name: "version", kind: kindInt, required: true, min: 1, max: 1,
			help: "Version of the language. One of the files must have it."},
		{name: "include", kind: kindStrings,
			help: "Further files to read: paths or patterns such as `conf.d/*.hcl`, relative to this file. A pattern may match nothing, a plain path must exist."},
	},
	blocks: []*block{
		localsBlock, directorBlock, globalBlock, staticBlock, instanceBlock, syncGroupBlock,
		trackScriptBlock, trackPingBlock, trackFileBlock, trackProcessBlock, serverBlock, namedCheckBlock, syncBlock, ipvsBlock,
	},
})

var localsBlock = &block{
	name: "locals", free: true,
	help: "Named values for expressions: `local.NAME`. They may use each other, `env()` and `director`.",
}

var directorBlock = &block{
	name:   "director",
	labels: []label{{"name", "host name of the machine, or what `--director` names"}},
	help: "One machine that this file configures. The one whose name is the host name, or the part of it before the first dot, is this machine; `--director` overrides. " +
		"With two or more directors, virtual addresses are leased from the kernel (see `lease`).",
	attrs: []*attr{
		{name: "address", kind: kindIP, help: "Its own address, for `director.address` in expressions."},
		{name: "priority", kind: kindInt, min: 1, max: 255,
			help: "Its VRRP priority: the default of every `vrrp_instance` and `director.priority` in expressions."},
	},
}

var globalBlock = &block{
	name: "global", once: true,
	help: "Settings of the daemon itself.",
	attrs: []*attr{
		{name: "autoreload", kind: kindBool, def: "false",
			help: "Reload by itself when one of the files has changed and settled, as `ldirectord` does."},
		{name: "startup_delay", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour),
			help: "How long after its start the daemon takes nothing over; then the master-down interval begins to count. A reload does not begin it anew."},
		{name: "boot_delay", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour),
			help: "The same, counted from the boot of the machine; the longer one counts."},
		{name: "keep_on_stop", kind: kindBool, def: "false",
			help: "Leave virtual addresses, their interfaces and the IPVS table in place when vipd stops, without a hand-over, so that a restart finds them and connections survive. Leases still end; peers take over when they hear nothing for their master-down interval. For directors without peers."},
		{name: "keep_table_on_stop", kind: kindBool, def: "false",
			help: "Leave the IPVS table in place when vipd stops, instead of removing its own services."},
		{name: "other_vrrp_daemon", kind: kindWord, def: `"refuse"`, words: []string{"refuse", "allow"},
			help: "What to do with instances on an interface where another VRRP daemon of this host is at work."},
		{name: "realtime_priority", kind: kindInt, def: "1", min: 0, max: 99,
			help: "Real-time priority (`SCHED_RR`) of the router role, the process that sends adverts and starts no other; checks and scripts never have one. The lowest is enough to be ahead of everything that is not real-time: docs/storm.md shows the difference on a busy machine. 0: none. Where the kernel does not permit it vipd says so and works without."},
		{name: "umask", kind: kindString, defNote: "that of the service", help: "Permissions that the files of vipd and of its programs do not get, in octal: `\"0022\"`."},
		{name: "stop_timeout", kind: kindDuration, def: `"0s"`, min: 0, max: int64(10 * time.Minute),
			help: "How long the router and the checker may take to leave, beyond the hand-over, before they are ended; `\"0s\"`: 0.9s, which thousands of addresses may exceed."},
		{name: "network_namespace", kind: kindString, defNote: "the one that vipd is started in",
			help: "Network namespace to work in: a name in `/run/netns`, or a path. A reload does not change it."},
		{name: "pid_dir", kind: kindString, help: "Directory for files with the process ids of the supervisor (`keepalived.pid`), the router (`vrrp.pid`) and the checker (`checkers.pid`), where scripts around keepalived look for them. A reload does not change it."},
		{name: "instance", kind: kindString, help: "Name of this daemon among several on a machine: a part of the names in `pid_dir`."},
		{name: "reload_file", kind: kindString, help: "File that is there, and empty, while a reload reads the configuration: programs that write it wait until the file is gone."},
		{name: "maintenance_dir", kind: kindString,
			help: "Directory with a file for each real server that is to be out of service, whatever its checks say: its name is the address, `address:port`, a host name or `name:port`."},
		{name: "notify_fifo", kind: kindString, help: "Named pipe that gets a line for every change; `pipe` blocks say more."},
	},
	blocks: []*block{scriptsBlock, mailBlock, pipeBlock, dumpBlock, processBlock, bufferBlock, scheduleBlock, filterBlock,
		hookBlock("startup", "Program that runs before anything else; vipd goes on when it has ended."),
		hookBlock("shutdown", "Program that runs at a stop, after everything else."),
		hookBlock("files_changed", "Program that runs when the files of the configuration have changed on disk and settled, after the reload if `autoreload` does one."), {
			name: "log", once: true, help: "The log of the daemon.",
			attrs: []*attr{
				{name: "level", kind: kindWord, def: `"info"`, words: []string{"debug", "info", "warn", "error"},
					help: "The least important lines that are written."},
				{name: "format", kind: kindWord, def: `"text"`, words: []string{"text", "json"}, help: "Form of the lines."},
			},
		}},
}

var instanceBlock = &block{
	name:   "vrrp_instance",
	labels: []label{{"name", "name in logs, status and notes"}},
	help:   "A virtual router: addresses that exactly one director holds.",
	attrs: slices.Concat([]*attr{
		{name: "interface", kind: kindInterface, required: true,
			help: "Interface that carries adverts and addresses. It need not exist yet: the instance waits in fault."},
		{name: "vrid", kind: kindInt, required: true, min: 1, max: 255,
			help: "Virtual router number, the same on all directors, unique on the interface."},
		{name: "version", kind: kindInt, min: 2, max: 3, defNote: "2, or 3 with IPv6 addresses",
			help: "VRRP version: 2 (RFC 3768) or 3 (RFC 9568). All directors must agree. Only version 3 knows IPv6."},
		{name: "priority", kind: kindInt, min: 1, max: 255, defNote: "the director's, or 100",
			help: "The highest one becomes master. 255 is the owner of the addresses, who always wins."},
		{name: "advert_interval", kind: kindDuration, def: `"1s"`,
			min: int64(10 * time.Millisecond), max: int64(255 * time.Second),
			help: "Time between adverts. Version 2: whole seconds. Version 3: steps of 10ms up to 40.95s."},
		{name: "virtual_address", kind: kindPrefixes, required: true,
			help: "The addresses, each with its prefix length: `[\"192.0.2.10/24\"]`. 1 to 255 of each family. With IPv4 and IPv6 addresses the instance is two virtual routers with one VRID. " +
				"Link-local addresses are advertised first, as RFC 9568 demands; every IPv6 router should have one."},
		{name: "preempt", kind: kindBool, def: "true",
			help: "Take over from a living master with a lower priority."},
		{name: "lease", kind: kindWord, def: `"auto"`, words: []string{"auto", "heal", "strict", "off"},
			help: "How long the kernel keeps the addresses without a living daemon. `heal`: until a successor must have taken over. `strict`: ends before (interval of 1s or more). `off`: for ever. `auto`: `heal` when another director is configured or was heard, otherwise `off`."},
		{name: "hand_over", kind: kindWord, def: `"graceful"`, words: []string{"graceful", "immediate"},
			help: "How a master leaves that is stopped or at fault while its interface works. `graceful`: it says that it leaves and serves on until a successor has taken over, for at most 10s; no client notices. `immediate`: the addresses go at once and nobody serves until a backup takes over. With `lease = \"strict\"` it is always immediate."},
		{name: "checksum", kind: kindWord, def: `"pseudo"`, words: []string{"pseudo", "plain"},
			help: "Checksum of version 3 adverts that are sent: with the IPv4 pseudo-header (what keepalived and FRR accept) or over the message alone (RFC 9568). Both are accepted."},
	}, addressAttrs, deliveryAttrs, ruleAttrs),
	blocks: []*block{addressBlock, routeBlock, ruleBlock, vmacBlock, unicastBlock, authBlock, trackBlock, notifyBlock, {
		name: "garp", once: true, help: "How a new master announces its addresses (gratuitous ARP).",
		attrs: []*attr{
			{name: "repeat", kind: kindInt, def: "5", min: 1, max: 100, help: "Announcements per address in each of the two blocks."},
			{name: "delay", kind: kindDuration, def: `"5s"`, min: 0, max: int64(time.Hour),
				help: "When the second block follows the first; `\"0s\"` sends none."},
			{name: "refresh", kind: kindDuration, def: `"0s"`, min: 0, max: int64(24 * time.Hour),
				help: "How often a lasting master announces its addresses again; `\"0s\"` never."},
			{name: "refresh_repeat", kind: kindInt, def: "1", min: 1, max: 100, help: "Announcements per address in each of these blocks."},
			{name: "interval", kind: kindDuration, def: `"0s"`, min: 0, max: int64(10 * time.Second),
				help: "Least time between two announcements on one interface, for switches that limit them; `\"0s\"` sends bursts of 32 every 2ms."},
			{name: "pace", kind: kindString,
				help: "A name: instances with the same one have `interval` together, on all their interfaces. For interfaces at one switch."},
			{name: "lower_repeat", kind: kindInt, def: "0", min: -1, max: 100,
				help: "Announcements per address after a master heard an advert that lost against its own; 0 takes `repeat` and `delay`, -1 sends none."},
			{name: "lower_delay", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour), help: "`delay` in that case, with `lower_repeat`."},
			{name: "interfaces", kind: kindStrings, help: "Further interfaces to announce on, with their own MAC addresses."},
			{name: "extra", kind: kindDuration, def: `"0s"`, min: 0, max: int64(24 * time.Hour),
				help: "How often a lasting master announces the addresses again whose virtual MAC no advert is sent from (`transmit = \"base\"`), so that switches do not forget where it is; `\"0s\"` never."},
			{name: "extra_all", kind: kindBool, def: "false", help: "`extra` is for all addresses, on whatever interface they are."},
		},
	}},
}
