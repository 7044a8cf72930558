package keepalived

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
)

// everyProgram has one program of each kind; GLOBAL stands for settings.
const everyProgram = `global_defs {
  GLOBAL
  vrrp_notify_fifo /run/fifo
  vrrp_notify_fifo_script /bin/reader
  startup_script /bin/first
}
vrrp_script hard {
  script /bin/hard
}
vrrp_instance one {
  interface eth0
  virtual_router_id 51
  virtual_ipaddress {
    192.0.2.100/24
  }
  track_script {
    hard
  }
  notify /bin/told
}
virtual_server 192.0.2.1 80 {
  protocol TCP
  quorum_up /bin/up
  real_server 10.0.0.1 80 {
    MISC_CHECK {
      misc_path /bin/misc
    }
  }
}
`

// programsOf counts the programs that a configuration runs, and tells as whom
// the tracked script and the check run.
func programsOf(c *conf.Config) (n int, users []string) {
	for _, s := range c.Tracking.Scripts {
		n, users = n+1, append(users, s.User)
	}
	for _, checks := range c.Services[0].Checks[netip.MustParseAddrPort("10.0.0.1:80")] {
		n, users = n+1, append(users, checks.Settings.Params.(healthcheck.Script).User)
	}
	for _, command := range [][]string{c.Global.Pipes[0].Reader, c.Global.Startup.Command, c.Notify["one"].Any.Args, c.Services[0].OnQuorumUp.Args} {
		n += min(len(command), 1)
	}
	return n, users
}

// TestKeepalived_ScriptUser: without script_user programs run as
// keepalived_script; where the machine has no such user they run as whoever runs
// the daemon, and with enable_script_security not at all.
func TestKeepalived_ScriptUser(t *testing.T) {
	for _, tt := range []struct {
		global  string
		account bool
		n       int
		user    string
	}{
		{"", false, 6, ""},
		{"", true, 6, "keepalived_script"},
		{"enable_script_security", false, 0, ""},
		{"enable_script_security 1", false, 0, ""},
		{"enable_script_security off", false, 0, ""},
		{"enable_script_security", true, 6, "keepalived_script"},
		{"enable_script_security\n  script_user nobody", false, 6, "nobody"},
		{"script_user nobody", true, 6, "nobody"},
	} {
		o := outside()
		o.Account = func(name string) bool { return tt.account || name != "keepalived_script" }
		c, diags := loadOn(strings.Replace(everyProgram, "GLOBAL", tt.global, 1), o)
		said := remarks(t, diags)
		if c == nil {
			t.Fatal(said)
		}
		n, users := programsOf(c)
		if n != tt.n {
			t.Errorf("%q, user there: %v: %d programs\n%s", tt.global, tt.account, n, said)
		}
		for _, user := range users {
			if user != tt.user {
				t.Errorf("%q, user there: %v: runs as %q", tt.global, tt.account, user)
			}
		}
		if tracked := len(c.Routers[0].Tracks) == 1; tracked != (tt.n > 0) {
			t.Errorf("%q, user there: %v: tracked %v", tt.global, tt.account, tracked)
		}
		if told := strings.Count(said, "no_script_user"); told != 6-tt.n {
			t.Errorf("%q: told %d times\n%s", tt.global, told, said)
		}
	}
}

// TestKeepalived_UserOfEachProgram: every program of one instance, virtual server
// or real server may have a user of its own; script_user is nobody's own.
func TestKeepalived_UserOfEachProgram(t *testing.T) {
	c := usable(t, `global_defs {
  script_user daemon
}
vrrp_instance one {
  interface eth0
  virtual_router_id 51
  virtual_ipaddress {
    192.0.2.100/24
  }
  notify_master /bin/told nobody
  notify_backup /bin/told root adm
  notify_fault /bin/told daemon
  notify /bin/told
}
virtual_server 192.0.2.1 80 {
  protocol TCP
  quorum_up /bin/told nobody
  quorum_down /bin/told
  real_server 10.0.0.1 80 {
    notify_up /bin/told
    notify_down /bin/told nobody
  }
}
`)
	n, s := c.Notify["one"], c.Services[0]
	told := s.Servers[netip.MustParseAddrPort("10.0.0.1:80")]
	var got []string
	for _, p := range []conf.Program{n.Master, n.Backup, n.Fault, n.Any, s.OnQuorumUp, s.OnQuorumDown, told.Up, told.Down} {
		got = append(got, p.String())
	}
	want := []string{
		"/bin/told as nobody", "/bin/told as root:adm", "/bin/told", "/bin/told", "/bin/told as nobody", "/bin/told", "/bin/told", "/bin/told as nobody",
	}
	if diff := cmp.Diff(want, got); diff != "" || c.Global.Scripts.User != "daemon" {
		t.Errorf("all as %s (-want +got):\n%s", c.Global.Scripts.User, diff)
	}
	writtenAndRead(t, "users", c)
}

// TestKeepalived_ScriptUserOfItsOwn: a program with a user runs whatever the
// global settings lack.
func TestKeepalived_ScriptUserOfItsOwn(t *testing.T) {
	text := strings.NewReplacer("GLOBAL", "enable_script_security", "script /bin/hard\n", "script /bin/hard\n  user nobody\n",
		"misc_path /bin/misc\n", "misc_path /bin/misc\n      user nobody\n", "/bin/reader\n", "/bin/reader nobody\n").Replace(everyProgram)
	c := usable(t, text)
	n, users := programsOf(c)
	if n != 3 || len(users) != 2 || users[0] != "nobody" || users[1] != "nobody" || c.Global.Pipes[0].User != "nobody" {
		t.Errorf("%d programs as %q, reader as %q", n, users, c.Global.Pipes[0].User)
	}
}
