package conf

import "time"

// ruleAttrs bend the rules of the election.
var ruleAttrs = []*attr{
	{name: "preempt_delay", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour),
		help: "How long a master with a lower priority is obeyed, from its first advert on, before it is preempted. A dead one is replaced at once."},
	{name: "link_down_delay", kind: kindDuration, def: `"0s"`, min: 0, max: int64(255 * time.Second),
		help: "How long the interface must be without carrier for that to count: one that flaps causes no transition. Shorter than `down_adverts` - 1 intervals, or the others take over before. With several instances on an interface the longest one counts."},
	{name: "link_up_delay", kind: kindDuration, def: `"0s"`, min: 0, max: int64(255 * time.Second),
		help: "How long the interface must be back for that to count."},
	{name: "ignore_carrier", kind: kindBool, def: "false",
		help: "Run on while the interface is down or without carrier, for one whose state says nothing. A backup that hears nobody becomes master, so two may be when the network is cut. `track \"interface\"` can still change the priority."},
	{name: "down_adverts", kind: kindInt, def: "3", min: 1, max: 100,
		help: "How many adverts in a row must be missing until the master is taken for dead. All directors should agree."},
	{name: "deviations", kind: kindStrings,
		help: "Rules of the RFC that do not count here: `silent_to_lower` (a master does not answer a losing advert out of turn), `answer_higher` (a master that yields sends one more advert), " +
			"`deaf_owner` (the owner of the addresses ignores all adverts), `trust_master` (adverts of the known master are taken whatever addresses they list)."},
	{name: "probe_duplicates", kind: kindBool, def: "false",
		help: "Ask the network for the virtual addresses while listening for the first time, after a start or a fault. When nobody is heard who runs the same virtual router and yet another host answers, the claim goes ahead, since the election decides, and is reported as an error with the hardware address of that host. No advert and no takeover waits for it."},
	{name: "accept", kind: kindBool, def: "true",
		help: "Accept packets to the virtual addresses like any address of the host, so that they answer pings. `false` drops them (nftables, neighbour discovery apart), but not those to a virtual server. The owner (priority 255) accepts them always."},
}
