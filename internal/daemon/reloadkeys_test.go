package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
)

// identity are the keys that say which object it is: a change is another
// object. Everything else of the language changes in place.
var identity = map[string]bool{
	"vrrp_instance interface": true, "vrrp_instance vrid": true, "vmac name": true,
	"virtual_server address": true, "virtual_server addresses": true, "virtual_server fwmark": true, "virtual_server fwmarks": true,
	"virtual_server family": true, "virtual_server protocol": true,
}

// otherValue are values for keys that cannot be left out, in the samples.
var otherValue = map[string]conf.Expr{
	"vrrp_instance interface": `"eth7"`, "vrrp_instance vrid": "199", "vrrp_instance virtual_address": `["203.0.113.9/24"]`,
	"vrrp_instance version": "3", "vrrp_instance excluded_address": `["192.0.2.12/24", "192.0.2.13/24"]`, "vrrp_sync_group members": `["inside", "web"]`,
	"auth secret": `"other"`, "auth active_key": "1", "key secret": `"0123456789abcdef0123456789abcdeX"`, "unicast peers": `["192.0.2.88"]`,
	"track_ping targets": `["192.0.2.1", "192.0.2.2", "192.0.2.4"]`, "track_script command": `["/usr/bin/false"]`, "track_file path": `"/run/other"`,
	"track_process program": `"/usr/sbin/other"`, "startup command": `["/usr/bin/false"]`, "shutdown command": `["/usr/bin/false"]`, "files_changed command": `["/usr/bin/false"]`,
	"mail to": `["other@example.com"]`, "mail from": `"other@example.com"`, "mail server": `"other.example.com:25"`,
	"buffer size": "54321", "reload_at file": `"/run/other"`, "mail username": `"other"`, "program user": `"other"`, "mail password_file": `"/etc/other"`,
	"route type": `"prohibit"`, "hop via": `"192.0.2.9"`, "hop interface": `"eth6"`, "rule priority": "1234", "rule action": `"prohibit"`, "rule table": "77",
	"rule goto": "30000", "rule l3_master": "false", "tunnel port": "7777", "tunnel type": `"ipip"`, "virtual_server forward": `"direct"`,
	"virtual_server family": `"ipv4"`, "virtual_server protocol": `"sctp"`, "real_server upper_threshold": "4000000", "connection_sync interface": `"eth6"`,
	"check flaps": "9", "check flap_window": `"3m"`, "check latency_target": `"90ms"`, "check latency_floor": "33", "check latency_step": "7", "check secret": `"other"`, "check command": `["/usr/bin/false"]`, "check json_path": `"other"`,
	"check certificate": `"/etc/other.pem"`, "check certificate_key": `"/etc/other.key"`,
	"check base": `"dc=other"`, "check url": `"http://www.example.org/"`, "check query": `"SELECT 2"`,
}

// together are keys that only change along with another one.
var together = map[string]string{
	"virtual_server family": "the real servers' addresses", "virtual_server protocol": "engine or one_packet", "tunnel type": "its port or checksum",
	"rule action": "its table", "rule l3_master": "its table", "vrrp_instance version": "what only the other version has; TestReloadMasterInPlace changes it alone",
}

// turning are keys that turn what is well into what is not: routers leave
// because of what is tracked, not because of the reload.
var turning = map[string]bool{"track reverse": true}

// keyEdit is a configuration before and after the change of one key.
type keyEdit struct {
	key         string
	have, want  *conf.Config
	description string
}

// eachKeyEdit leaves out, or gives another value, every attribute of the
// sample files in turn: together they use every key of the language.
func eachKeyEdit(t *testing.T, do func(keyEdit)) (tried map[string]bool) {
	t.Helper()
	tried = make(map[string]bool)
	names, err := filepath.Glob("../../testdata/write/*.hcl")
	if err != nil || len(names) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		have := loadHCL(t, string(text))
		d := conf.Compose([]conf.Node{{Name: have.Director, Config: have}})
		have = loadHCL(t, string(d.Bytes()))
		for _, b := range d.Blocks {
			eachAttr(b, func(b *conf.Block, i int) {
				was := b.Attrs
				defer func() { b.Attrs = was }()
				e := keyEdit{key: b.Type + " " + was[i].Name, have: have, description: fmt.Sprint(filepath.Base(name), " ", b.Type, b.Labels, " ", was[i].Name)}
				tried[e.key] = tried[e.key] || false
				try := func() {
					if e.want, _ = tryHCL(string(d.Bytes())); e.want != nil && !conf.Same(e.have, e.want) {
						tried[e.key] = true
						do(e)
					}
				}
				b.Attrs = slices.Delete(slices.Clone(was), i, i+1)
				try()
				if v, given := otherValue[e.key]; given {
					b.Attrs = slices.Clone(was)
					b.Set(was[i].Name, v)
					try()
				}
			})
		}
	}
	return tried
}

func eachAttr(b *conf.Block, do func(*conf.Block, int)) {
	for i := range b.Attrs {
		do(b, i)
	}
	for _, inner := range b.Blocks {
		eachAttr(inner, do)
	}
}

// about says in every error what it is about.
type about struct {
	*testing.T
	what string
}

func (a about) Errorf(format string, args ...any) {
	a.Helper()
	a.T.Errorf("%s: "+format, append([]any{a.what}, args...)...)
}

// probed are the probes of every real server, without their timing. Those that stay
// keep their state: healthcheck/runner, TestApplyKeepsTheStateOfKeysThatStay and
// TestApplyWithOtherTimingKeepsTheVerdict.
func probed(c *conf.Config) map[member][]healthcheck.Key {
	out := make(map[member][]healthcheck.Key)
	for _, s := range c.Services {
		for _, rs := range s.RealServers {
			keys := slices.Collect(healthcheck.Keys(s.Checks[rs.Address], rs.Address))
			for i := range keys {
				keys[i].Timing = healthcheck.Timing{}
			}
			out[member{s.Key, rs.Address}] = keys
		}
	}
	return out
}

// Every key of the language either is part of what something is, or changes in
// place: no router leaves its state, no address that stays is touched, no service
// or real server leaves the table, no check starts anew unless something else is
// asked. The plan says all of that before.
func TestEveryKeyChangesInPlace(t *testing.T) {
	tried := eachKeyEdit(t, func(e keyEdit) {
		w := newReloadWorld().apply(e.have)
		before := w.past()
		w.apply(e.want)
		plan := conf.ComparePlan(e.have, e.want, conf.Live{}).Changed()
		if len(plan) == 0 {
			t.Errorf("%s: the plan knows of no change", e.description)
		}
		another := slices.ContainsFunc(plan, func(c conf.Change) bool {
			return c.Action == conf.ActionRecreate || (c.Action == conf.ActionAdd || c.Action == conf.ActionRemove) && strings.HasPrefix(c.Object, "vi")
		})
		switch {
		case another && !identity[e.key]:
			t.Errorf("%s: is part of an identity: %v", e.description, plan)
		case !another && !turning[e.key]:
			w.untouched(about{t, e.description}, before)
		}
		asked := slices.ContainsFunc(plan, func(c conf.Change) bool {
			return slices.ContainsFunc(c.Fields, func(f conf.Field) bool { return f.Name == "checks" })
		})
		if had, has := probed(e.have), probed(e.want); !asked {
			for m, keys := range had {
				if now, stays := has[m]; stays && !reflect.DeepEqual(now, keys) {
					t.Errorf("%s: starts the checks of %v anew, and the plan does not say so", e.description, m)
				}
			}
		}
	})
	for key, ok := range tried {
		if _, exempt := together[key]; ok == exempt {
			t.Errorf("%s: tried %t, exempt %t: where no edit of it is a configuration, give it another value in otherValue", key, ok, exempt)
		}
	}
}
