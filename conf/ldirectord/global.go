package ldirectord

import (
	"cmp"

	"github.com/vipd/vipd/conf"
)

// needless are directives that need no equal, and why.
var needless = map[string]string{
	"supervised":     "vipd always runs in the foreground",
	"fork":           "every check runs by itself, however many there are",
	"logfile":        "the log goes to standard error, where systemd puts it in the journal",
	"load":           "ldirectord never used it",
	"checkcount":     "it is deprecated; failurecount says how many failures take a server out",
	"comment":        "it was for mails only",
	"readdquiescent": "a quiescent server is always in the table, with weight 0",
}

// missing are directives whose effect is lost, and what to use instead.
var missing = map[string]string{
	"callback":    "`vipd events` tells of every reload",
	"execute":     "name the further file on the command line as well: one daemon runs all of them",
	"monitorfile": "`vipd events` prints every change of a real server",
}

// remark tells what of a block has no equal.
func (t *translator) remark(b *block) {
	for key, why := range needless {
		if b.has(key) && (key != "readdquiescent" || b.text(key) == "yes") {
			t.notef(b.where(key), "%s has no effect: %s", key, why)
		}
	}
	for key, instead := range missing {
		if b.has(key) && b.text(key) != "" {
			t.warnf("no_equal", b.where(key), instead, "%s has no equal here and is left out", key)
		}
	}
	t.alertStatus(b)
}

// global translates the global directives that concern the daemon, and what the
// virtual servers say of it.
func (t *translator) global(all *block, blocks []*block) {
	t.remark(all)
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
	g := &conf.Block{Type: "global"}
	if all.text("autoreload") == "yes" {
		g.SetAt("autoreload", true, all.where("autoreload"))
	}
	if all.text("cleanstop") == "no" {
		g.SetAt("keep_table_on_stop", true, all.where("cleanstop"))
	}
	if dir := all.text("maintenancedir"); dir != "" {
		g.SetAt("maintenance_dir", dir, all.where("maintenancedir"))
	}
	t.mail(g, all, blocks)
	if len(g.Attrs)+len(g.Blocks) > 0 {
		t.doc.Blocks = append(t.doc.Blocks, g)
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
