package conf

import (
	"math"
	"time"
)

// notifyBlock is in instances and groups.
var notifyBlock = &block{
	name: "notify", once: true,
	help: "Programs that are run when the state changes. They find `VIPD_KIND` (INSTANCE or GROUP), `VIPD_NAME`, `VIPD_STATE`, `VIPD_PRIORITY` and `VIPD_REASON` in their environment. " +
		"They run in order, one at a time for each instance, and a stop waits for them, at most `global.scripts.timeout`.",
	attrs: []*attr{
		{name: "master", kind: kindStrings, help: "Program and arguments to run on the change to master."},
		{name: "backup", kind: kindStrings, help: "… to backup."},
		{name: "fault", kind: kindStrings, help: "… to fault."},
		{name: "stop", kind: kindStrings, help: "… when vipd stops."},
		{name: "deleted", kind: kindStrings, help: "… when a reload removes the instance."},
		{name: "any", kind: kindStrings, help: "… on every change, after the one for the state, with keepalived's further arguments: `INSTANCE` or `GROUP`, name, state (`MASTER`, `BACKUP`, `FAULT`, `STOP`, `DELETED`), priority."},
		{name: "lower_priority", kind: kindStrings, help: "… when a master hears an advert that loses against its own."},
		{name: "priority_changes", kind: kindBool, def: "false", help: "Write to the pipes also when only the priority changes."},
		{name: "user", kind: kindString, defNote: "that of `scripts`", help: "User that runs these programs."},
		{name: "mail", kind: kindBool, def: "false", help: "Send an e-mail on every change (`global.mail`)."},
	},
	blocks: []*block{programBlock},
}

// Keys of programs: of a change of state, and of what comes up or goes down.
var (
	notifyKeys = []string{"master", "backup", "fault", "stop", "deleted", "any", "lower_priority"}
	hookKeys   = []string{"on_up", "on_down"}
)

// programBlock is in blocks with programs.
var programBlock = &block{
	name: "program", labels: []label{{"key", "of the program in this block"}},
	help: "A program that somebody else runs than the others of this block.",
	attrs: []*attr{
		{name: "user", kind: kindString, required: true, help: "User that runs it."},
	},
}

var scriptsBlock = &block{
	name: "scripts", once: true, help: "How programs of the configuration are run: `track_script`, `notify`, hooks of a `quorum`, alerts.",
	attrs: []*attr{
		{name: "user", kind: kindString, defNote: "the daemon's", help: "User that runs them."},
		{name: "timeout", kind: kindDuration, def: `"30s"`, min: int64(100 * time.Millisecond), max: int64(time.Hour),
			help: "Longest time of a notification."},
	},
}

var pipeBlock = &block{
	name: "pipe", labels: []label{{"path", "of a named pipe, which is made when it is not there"}},
	help: "A pipe that gets a line for every change, as keepalived writes it: `INSTANCE \"web\" MASTER 150`, `GROUP \"G\" BACKUP 0`, `VS [192.0.2.10]:tcp:80 UP`, `RS [10.0.0.1]:tcp:80 [192.0.2.10]:tcp:80 DOWN`.",
	attrs: []*attr{
		{name: "only", kind: kindWord, words: []string{"instances", "services"}, defNote: "both", help: "Instances and groups, or virtual and real servers."},
		{name: "reader", kind: kindStrings, help: "Program and arguments that reads the pipe, whose path is its last argument. It is run as long as vipd runs, and again when it ends."},
		{name: "user", kind: kindString, defNote: "that of `scripts`", help: "User that runs the reader."},
		{name: "on_reload", kind: kindBool, def: "false", help: "Write the present states again after every reload."},
	},
}

var dumpBlock = &block{
	name: "keepalived_dump", once: true,
	help: "Write the state in keepalived's forms too, for the scripts and exporters that read them, when their signals ask for it (`vipd keepalived --signum` prints the numbers).",
	attrs: []*attr{
		{name: "data", kind: kindString, def: `"/tmp/keepalived.data"`, help: "File for SIGUSR1: instances and groups."},
		{name: "check_data", kind: kindString, def: `"/tmp/keepalived_check.data"`, help: "The same for virtual and real servers."},
		{name: "parent_data", kind: kindString, def: `"/tmp/keepalived_parent.data"`, help: "The same for global settings alone."},
		{name: "stats", kind: kindString, def: `"/tmp/keepalived.stats"`, help: "File for SIGUSR2."},
		{name: "json", kind: kindString, def: `"/tmp/keepalived.json"`, help: "File for the JSON signal."},
		{name: "json_version", kind: kindInt, def: "1", min: 1, max: 2, help: "1 is a list of instances, 2 an object with that list."},
	},
}

var processBlock = &block{
	name: "process", labels: []label{{"process", "`supervisor`, `router` or `checker`"}},
	help: "How one of the three processes runs.",
	attrs: []*attr{
		{name: "name", kind: kindString, defNote: "`vipd`", help: "Name in process lists, at most 15 characters."},
		{name: "nice", kind: kindInt, def: "0", min: -20, max: 19, help: "Niceness; negative is before others."},
		{name: "cpus", kind: kindInts, min: 0, max: maxCPU, defNote: "all", help: "Numbers of the processors that it may run on."},
		{name: "no_swap", kind: kindBool, def: "false", help: "Keep its memory out of the swap. The router's always is."},
		{name: "realtime_priority", kind: kindInt, def: "0", min: 0, max: 99, help: "Real-time priority (`SCHED_RR`) of the checker; 0: none. Programs that it starts have none. The router's is `global.realtime_priority`."},
		{name: "run_limit", kind: kindDuration, def: `"0s"`, min: 0, max: int64(time.Hour),
			help: "How long a thread with a real-time priority may run without waiting for anything; then the kernel ends the process (`RLIMIT_RTTIME`), and vipd starts it again. `\"0s\"`: no limit."},
	},
}

var bufferBlock = &block{
	name: "buffer", labels: []label{{"what", "`answers` and `notices` of the kernel about interfaces, addresses and routes, or news of `processes`"}},
	help: "Receive buffer of a socket to the kernel, for hosts with a lot of interfaces or processes. What was missed is read again in any case.",
	attrs: []*attr{
		{name: "size", kind: kindInt, required: true, min: 1, max: math.MaxInt32, help: "Octets."},
		{name: "force", kind: kindBool, def: "false", help: "Also above `net.core.rmem_max`."},
	},
}

// hookBlock is a program of the daemon's own life.
func hookBlock(name, help string) *block {
	return &block{name: name, once: true, help: help, attrs: []*attr{
		{name: "command", kind: kindStrings, required: true, help: "Program and arguments."},
		{name: "user", kind: kindString, defNote: "that of `scripts`", help: "User that runs it."},
		{name: "timeout", kind: kindDuration, def: `"10s"`, min: int64(100 * time.Millisecond), max: int64(time.Hour), help: "Longest time."},
	}}
}

var filterBlock = &block{
	name: "filter", once: true,
	help: "Where packets are dropped that `accept = false` refuses.",
	attrs: []*attr{
		{name: "table", kind: kindString, def: `"vipd"`, help: "Table of nftables, which is removed and made anew as a whole."},
		{name: "priority", kind: kindInt, def: "110", min: -400, max: 400, help: "Priority of its chain. Below 98 it is before IPVS and drops the packets to virtual servers, too."},
	},
}

var scheduleBlock = &block{
	name: "reload_at", once: true,
	help: "Reload when a file says, so that all directors change at once. Its first line is `HH:MM:SS` or `YYYY-MM-DD HH:MM:SS`, in local time or with a `Z` in UTC. It may come, change and go at any time.",
	attrs: []*attr{
		{name: "file", kind: kindString, required: true, help: "The file."},
		{name: "repeat", kind: kindBool, def: "false", help: "Reload at that time every day. Otherwise the file is removed when its time has come."},
	},
}

var mailBlock = &block{
	name: "mail", once: true, help: "E-mail about changes of state.",
	attrs: []*attr{
		{name: "to", kind: kindStrings, help: "Recipients; an `alert` may have others."},
		{name: "from", kind: kindString, required: true, help: "Sender."},
		{name: "server", kind: kindString, required: true, help: "Mail server, `\"host:port\"`."},
		{name: "security", kind: kindWord, def: `"starttls"`, words: []string{"starttls", "tls", "none"},
			help: "Encryption: required by STARTTLS, from the first byte, or none. The server's certificate is verified."},
		{name: "hello", kind: kindString, defNote: "the host's name", help: "Name to greet the server with."},
		{name: "timeout", kind: kindDuration, def: `"20s"`, min: int64(100 * time.Millisecond), max: int64(time.Hour), help: "Longest time of one attempt to send."},
		{name: "name", kind: kindString, defNote: "that of the director block, else the host's", help: "What stands for this director in subjects."},
		{name: "faults", kind: kindBool, def: "true", help: "Tell when an instance or group goes into fault."},
		{name: "style", kind: kindWord, def: `"digest"`, words: []string{MailDigest, MailKeepalived, MailLdirectord},
			help: "`digest`: one mail tells of all changes within ten seconds. `keepalived` and `ldirectord`: a mail for every change, in the words of that daemon, for filters that know them."},
		{name: "username", kind: kindString, help: "User to authenticate as; needs encryption."},
		{name: "password_file", kind: kindString, help: "File whose first line is the password."},
	},
}
