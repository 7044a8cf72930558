package conf

import "time"

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
		{name: "mail", kind: kindBool, def: "false", help: "Send an e-mail on every change (`global.mail`)."},
	},
}

var scriptsBlock = &block{
	name: "scripts", once: true, help: "How programs of the configuration are run: `track_script` and `notify`.",
	attrs: []*attr{
		{name: "user", kind: kindString, defNote: "the daemon's", help: "User that runs them."},
		{name: "timeout", kind: kindDuration, def: `"30s"`, min: int64(100 * time.Millisecond), max: int64(time.Hour),
			help: "Longest time of a notification."},
	},
}

var mailBlock = &block{
	name: "mail", once: true, help: "E-mail about changes of state. One mail tells of all changes within ten seconds.",
	attrs: []*attr{
		{name: "to", kind: kindStrings, required: true, help: "Recipients."},
		{name: "from", kind: kindString, required: true, help: "Sender."},
		{name: "server", kind: kindString, required: true, help: "Mail server, `\"host:port\"`."},
		{name: "security", kind: kindWord, def: `"starttls"`, words: []string{"starttls", "tls", "none"},
			help: "Encryption: required by STARTTLS, from the first byte, or none. The server's certificate is verified."},
		{name: "username", kind: kindString, help: "User to authenticate as; needs encryption."},
		{name: "password_file", kind: kindString, help: "File whose first line is the password."},
	},
}
