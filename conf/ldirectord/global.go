package ldirectord

import (
	"cmp"
	"strings"

	"github.com/vipd/vipd/conf"
)

// needless are directives that need no equal, and why.
var needless = map[string]string{
	"supervised":     "vipd always runs in the foreground",
	"fork":           "every check runs by itself, however many there are",
	"logfile":        "the log goes to standard error, where systemd puts it in the journal",
	"load":           "ldirectord never used it",
	"checkcount":     "it is deprecated; failurecount says how many failures take a server out",
	"readdquiescent": "a quiescent server is always in the table, with weight 0",
}

// remark tells what of a block has no equal.
func (t *translator) remark(b *block) {
	for key, why := range needless {
		if b.has(key) && (key != "readdquiescent" || b.text(key) == "yes") {
			t.notef(b.where(key), "%s has no effect: %s", key, why)
		}
	}
	t.mailWords(b)
}

// global translates the global directives that concern the daemon, and what the
// virtual servers say of it.
func (t *translator) global(all *block, blocks []*block) {
	t.remark(all)
	t.oldTimeouts(all)
	g := t.daemon
	if all.text("autoreload") == "yes" {
		g.SetAt("autoreload", true, all.where("autoreload"))
	}
	if t.keepTable = all.text("cleanstop") == "no"; t.keepTable {
		g.SetAt("keep_table_on_stop", true, all.where("cleanstop"))
	}
	if dir := all.text("maintenancedir"); dir != "" {
		g.SetAt("maintenance_dir", dir, all.where("maintenancedir"))
	}
	t.callback(g, all)
	t.mail(all, blocks)
}

// callback is a program that gets the name of the file when that has changed.
func (t *translator) callback(g *conf.Block, all *block) {
	path, at := all.text("callback"), all.where("callback")
	switch {
	case path == "":
	case strings.Contains(path, " "):
		t.warnf("differs", at, "write a script that has the arguments", "ldirectord takes %q for the name of one file, spaces and all, and never runs it", path)
	default:
		g.Add("files_changed").At(at).SetAt("command", []string{path, at.File}, at)
	}
}

// ofDaemon are the global directives that concern the daemon as a whole.
var ofDaemon = []string{"autoreload", "callback", "maintenancedir", "emailalertfrom"}

// guest takes the global directives of a configuration that another one
// executes, and what of its virtual servers concerns the daemon.
func (t *translator) guest(its, main *block, blocks []*block) {
	t.remark(its)
	t.oldTimeouts(its)
	for _, key := range ofDaemon {
		if its.has(key) && its.text(key) != main.text(key) {
			t.warnf("differs", its.where(key), "set it in "+its.at.File, "one daemon runs both configurations: %s is that of the one that executes this", key)
		}
		delete(its.set, key)
		if s, has := main.set[key]; has {
			its.set[key] = s
		}
	}
	t.mail(its, blocks)
}

// oldTimeouts reads the timeouts of version 1.
func (t *translator) oldTimeouts(all *block) {
	for _, old := range []string{"timeout", "connecttimeout"} {
		if !all.has(old) {
			continue
		}
		t.warnf("old_key", all.where(old), "checktimeout and negotiatetimeout", "%s is of version 1 and sets both timeouts", old)
		for _, key := range []string{"checktimeout", "negotiatetimeout"} {
			if !all.has(key) {
				all.set[key] = all.set[old]
			}
		}
	}
}

// Defaults of ldirectord, in seconds and times.
const (
	defaultInterval         = 10
	defaultCheckTimeout     = 5
	defaultNegotiateTimeout = 30
	defaultFailures         = 1
)

// timing is how a virtual server's checks are timed.
type timing struct {
	interval, check, negotiate, failures int
}

// timingOf resolves the directives in the order of ldirectord: the virtual
// server's timeouts, of either kind, go before the global ones.
func (t *translator) timingOf(b, all *block) timing {
	if b.has("checkinterval") && all.text("fork") != "yes" {
		t.warnf("differs", b.where("checkinterval"), "", "ldirectord ignores checkinterval of a virtual server without fork = yes; here it counts")
	}
	pick := func(keys ...string) (n int) {
		for _, from := range []*block{b, all} {
			for _, key := range keys {
				n = cmp.Or(n, from.number(key))
			}
		}
		return n
	}
	return timing{
		interval:  cmp.Or(pick("checkinterval"), defaultInterval),
		check:     cmp.Or(pick("checktimeout", "negotiatetimeout"), defaultCheckTimeout),
		negotiate: cmp.Or(pick("negotiatetimeout", "checktimeout"), defaultNegotiateTimeout),
		failures:  cmp.Or(pick("failurecount"), defaultFailures),
	}
}
