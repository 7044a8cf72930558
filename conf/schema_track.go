package conf

import (
	"math"
	"time"

	"github.com/vipd/vipd/vrrp"
)

var trackBlock = &block{
	name: "track",
	labels: []label{
		{"kind", "`interface`, `script`, `process`, `file`, `ping` or `virtual_server`"},
		{"name", "name of the interface or of the block `track_…` or `virtual_server`"},
	},
	help: "Something that the election depends on. The interface of an instance is always tracked.",
	attrs: []*attr{
		{name: "weight", kind: kindInt, def: "0", min: vrrp.MinWeight, max: vrrp.MaxWeight,
			help: "Added to the priority: a positive weight while the thing is up, a negative one while it is down. 0: the instance is in fault while it is down. The number in a file is multiplied by it; with 0, any number but 0 is a fault. The priority of the owner (255) is never changed."},
		{name: "reverse", kind: kindBool, def: "false", help: "Exchange up and down."},
	},
	byLabel: []*variant{
		{label: "interface", help: "Up is: it exists, is administratively up and has carrier.", attrs: []*attr{
			{name: "debounce", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour),
				help: "How long a new state must last before it counts."},
		}},
		{label: "script", help: "A `track_script`."},
		{label: "process", help: "A `track_process`."},
		{label: "file", help: "A `track_file`."},
		{label: "ping", help: "A `track_ping`."},
		{label: "virtual_server", help: "Up is: at least one of its real servers is available. The fallback does not count."},
	},
}

var trackScriptBlock = &block{
	name:   "track_script",
	labels: []label{{"name", "what `track \"script\" \"NAME\"` refers to"}},
	help: "A program that is run again and again; exit status 0 is up. Runs never overlap. Each has a process group of its own, which gets TERM at the timeout " +
		"and KILL two seconds later; what is left of the group when the program has ended is killed. The end of its output is kept for `vipd explain`.",
	attrs: []*attr{
		{name: "command", kind: kindStrings, required: true, help: "Program and arguments. No shell is involved."},
		{name: "interval", kind: kindDuration, def: `"1s"`, min: int64(100 * time.Millisecond), max: int64(24 * time.Hour),
			help: "Time from start to start."},
		{name: "timeout", kind: kindDuration, min: int64(100 * time.Millisecond), max: int64(time.Hour), defNote: "the interval",
			help: "Longest time of one run; a longer one counts as failed."},
		{name: "rise", kind: kindInt, def: "1", min: 1, max: 1000, help: "Successes in a row until it is up."},
		{name: "fall", kind: kindInt, def: "1", min: 1, max: 1000, help: "Failures in a row until it is down."},
		{name: "user", kind: kindString, defNote: "`global.scripts.user`", help: "User that runs it."},
		{name: "init_fail", kind: kindBool, def: "false", help: "Down until it has succeeded. Otherwise it counts for nothing before its first result."},
	},
}

var trackPingBlock = &block{
	name:   "track_ping",
	labels: []label{{"name", "what `track \"ping\" \"NAME\"` refers to"}},
	help:   "Addresses that must answer ICMP echo requests.",
	attrs: []*attr{
		{name: "targets", kind: kindStrings, required: true, help: "Addresses, 1 to 64."},
		{name: "require", kind: kindString, def: `"any"`, help: "How many must answer: `any`, `all` or a number in quotes."},
		{name: "interval", kind: kindDuration, def: `"1s"`, min: int64(100 * time.Millisecond), max: int64(time.Hour), help: "Time from request to request."},
		{name: "timeout", kind: kindDuration, def: `"1s"`, min: int64(10 * time.Millisecond), max: int64(time.Minute), help: "How long an answer may take."},
		{name: "rise", kind: kindInt, def: "1", min: 1, max: 1000, help: "Answers in a row until a target is up."},
		{name: "fall", kind: kindInt, def: "3", min: 1, max: 1000, help: "Lost requests in a row until a target is down."},
		{name: "hold", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour), help: "How long a change of the whole must last before it counts."},
	},
}

var trackFileBlock = &block{
	name:   "track_file",
	labels: []label{{"name", "what `track \"file\" \"NAME\"` refers to"}},
	help:   "A file with a whole number, watched for changes. A file that is absent or empty counts as 0, one without a number as down.",
	attrs: []*attr{
		{name: "path", kind: kindString, required: true, help: "Absolute path."},
		{name: "init", kind: kindInt, min: math.MinInt32, max: math.MaxInt32, help: "Number to write into the file when vipd starts and there is none."},
		{name: "overwrite", kind: kindBool, def: "false", help: "Write `init` whatever is there."},
	},
}

var trackProcessBlock = &block{
	name:   "track_process",
	labels: []label{{"name", "what `track \"process\" \"NAME\"` refers to"}},
	help:   "A program that must run. The kernel tells of its end at once where it allows that (initial namespace, CAP_NET_ADMIN); otherwise the processes are looked at every second.",
	attrs: []*attr{
		{name: "program", kind: kindString, required: true, help: "Name of the executable, or its whole path."},
		{name: "arguments", kind: kindStrings, help: "Arguments that its command line must have, compared as `match` says."},
		{name: "match", kind: kindWord, def: `"begin"`, words: []string{"begin", "exact", "prefix"},
			help: "`begin`: other arguments may follow. `exact`: none may. `prefix`: the last one may also be longer than written."},
		{name: "full_command", kind: kindBool, def: "false", help: "`program` is the first word of the command line just as it is written there."},
		{name: "quorum", kind: kindInt, def: "1", min: 1, max: math.MaxInt16, help: "Processes that must run."},
		{name: "quorum_max", kind: kindInt, min: -1, max: math.MaxUint16, help: "Processes that may run: more are taken for a failure. -1: none may, whatever `quorum` is."},
		{name: "delay", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour), help: "How long a loss must last before it counts, so that a restart does not."},
		{name: "up_delay", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour), help: "How long enough processes must run before that counts."},
	},
}

var syncGroupBlock = &block{
	name:   "vrrp_sync_group",
	labels: []label{{"name", "name in logs, status and notes"}},
	help: "Instances that are master together or not at all. What one of them tracks counts for all; the fault of one is the fault of all. " +
		"They become master when all of them can, and leave when one of them must.",
	attrs: []*attr{
		{name: "members", kind: kindStrings, required: true, help: "Names of `vrrp_instance` blocks. An instance is in one group at most."},
	},
	blocks: []*block{trackBlock, notifyBlock},
}
