package keepalived

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
)

// httpCheck reads HTTP_GET with the lines of its url, and of the check.
func httpCheck(t *testing.T, url, more string) healthcheck.Check {
	t.Helper()
	c := usable(t, "virtual_server 192.0.2.1 80 {\nreal_server 10.0.0.1 80 {\nHTTP_GET {\nurl {\npath /\n"+url+"\n}\n"+more+"\n}\n}\n}\n")
	return c.Services[0].Checks[netip.MustParseAddrPort("10.0.0.1:80")][0]
}

// TestRegexWords: regular expressions with options and offsets.
func TestRegexWords(t *testing.T) {
	for _, tt := range []struct {
		url, body string
		matches   bool
	}{
		{"regex up", "it is up", true},
		{"regex up", "it is UP", false},
		{"regex up\nregex_options caseless", "it is UP", true},
		{`regex "^up$"` + "\nregex_options multiline", "no\nup\nno", true},
		{"regex a.b\nregex_options dotall", "a\nb", true},
		{"regex up\nregex_options anchored", "it is up", false},
		{"regex up\nregex_options anchored", "up it is", true},
		{"regex up\nregex_min_offset 3", "up down", false},
		{"regex up\nregex_min_offset 3", "up, up", true},
		{"regex up\nregex_max_offset 3", "is up", true},
		{"regex up\nregex_max_offset 3", "it is up", false},
		{"regex up\nregex_min_offset 2\nregex_max_offset 4", "upup", true},
	} {
		p := httpCheck(t, tt.url, "").Settings.Params.(healthcheck.HTTP)
		if got := regexp.MustCompile(p.Expect).MatchString(tt.body); got != tt.matches {
			t.Errorf("%q on %q: %v (%s)", tt.url, tt.body, got, p.Expect)
		}
	}
	if p := httpCheck(t, "regex down\nregex_no_match", "").Settings.Params.(healthcheck.HTTP); p.Expect != "" || p.Refuse != "down" {
		t.Errorf("regex_no_match: %+v", p)
	}
	if c := httpCheck(t, "", "bind_port 1025"); c.Settings.Network.Port != 1025 {
		t.Errorf("bind_port: %+v", c.Settings.Network)
	}
}

// TestNotifyWords: who is told, and how.
func TestNotifyWords(t *testing.T) {
	c := usable(t, `global_defs {
  router_id LVS_1
  notification_email { ops@example.com }
  smtp_server 192.0.2.25 2525
  smtp_helo_name lb.example.com
  smtp_connect_timeout 7
  smtp_alert_checker
  notify_fifo /run/all
  vrrp_notify_fifo /run/states
  vrrp_notify_fifo_script "/bin/read one" nobody
  lvs_notify_fifo /run/services
  fifo_write_vrrp_states_on_reload
  vrrp_notify_priority_changes
  startup_script "/bin/up now"
  startup_script_timeout 3
  shutdown_script /bin/down
  vrrp_lower_prio_no_advert
  vrrp_garp_lower_prio_repeat 2
  vrrp_garp_lower_prio_delay 3
  state_dump_file /run/k/
  json_version 2
}
vrrp_instance a {
  interface eth0
  virtual_router_id 1
  virtual_ipaddress { 192.0.2.1/24 }
  notify_master_rx_lower_pri /bin/lower
  garp_master_refresh 60
}
virtual_server 192.0.2.1 80 {
  real_server 10.0.0.1 80 {
    notify_up "/bin/tell up"
    notify_down "/bin/tell down"
    smtp_alert false
  }
}
`)
	g := c.Global
	if m := g.Mail; m.Name != "LVS_1" || m.Hello != "lb.example.com" || m.Timeout.Seconds() != 7 || m.Style != conf.MailKeepalived {
		t.Errorf("mail: %+v", m)
	}
	if len(g.Pipes) != 3 || g.Pipes[1].Only != conf.PipeInstances || strings.Join(g.Pipes[1].Reader, " ") != "/bin/read one" || g.Pipes[1].User != "nobody" ||
		!g.Pipes[0].OnReload || g.Pipes[2].OnReload {
		t.Errorf("pipes: %+v", g.Pipes)
	}
	if strings.Join(g.Startup.Command, " ") != "/bin/up now" || g.Startup.Timeout.Seconds() != 3 || len(g.Shutdown.Command) != 1 || g.Shutdown.Timeout.Seconds() != 10 {
		t.Errorf("hooks: %+v %+v", g.Startup, g.Shutdown)
	}
	if d := *g.Dump; d != (conf.Dump{Data: "/run/k/keepalived.data", Checkers: "/run/k/keepalived_check.data", Parent: "/run/k/keepalived_parent.data", Stats: "/tmp/keepalived.stats", JSON: "/tmp/keepalived.json", Version: 2}) {
		t.Errorf("dump: %+v", d)
	}
	r := c.Routers[0]
	if n := c.Notify["a"]; !n.PriorityChanges || len(n.LowerPriority.Args) != 1 || !r.TellLower || !r.Deviations.SilentToLower {
		t.Errorf("notify: %+v, %+v", n, r)
	}
	if a := r.Announce; a.Refresh.Seconds() != 60 || a.RefreshRepeat != 1 || a.LowerRepeat != 2 || a.LowerDelay.Seconds() != 3 {
		t.Errorf("announce: %+v", a)
	}
	s := c.Services[0]
	told := s.Servers[netip.MustParseAddrPort("10.0.0.1:80")]
	if told.Up.String() != "/bin/tell up" || told.Down.String() != "/bin/tell down" || told.Mail == nil || *told.Mail || s.Alert == nil || !s.Alert.Mail {
		t.Errorf("real server: %+v, %+v", told, s.Alert)
	}
}

// TestDefinitionsInDefinitions: a definition of several lines may set others.
func TestDefinitionsInDefinitions(t *testing.T) {
	c := usable(t, "$RS= \\\nreal_server 10.0.0.${N} 80 { \\\n}\n$ALL= \\\n$N=1 \\\n$RS \\\n$N=2 \\\n$RS\nvirtual_server 192.0.2.1 80 {\n$ALL\n}\n")
	if got := c.Services[0].RealServers; len(got) != 2 || got[1].Address.String() != "10.0.0.2:80" {
		t.Errorf("%+v", got)
	}
}

// TestProcessWords: how the processes run.
func TestProcessWords(t *testing.T) {
	g := usable(t, "global_defs {\nprocess_names\nchecker_process_name checks\nvrrp_priority -5\nchecker_no_swap\nvrrp_cpu_affinity 0 2\n}\n").Global
	if g.Router.Name != "keepalived_vrrp" || g.Checker.Name != "checks" || g.Supervisor.Name != "keepalived" || g.Router.Nice != -5 ||
		!g.Checker.NoSwap || len(g.Router.CPUs) != 2 || g.Router.CPUs[1] != 2 {
		t.Errorf("%+v %+v %+v", g.Supervisor, g.Router, g.Checker)
	}
}
