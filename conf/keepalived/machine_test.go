package keepalived

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
)

// ofCode lists what is said with a code: severity, line and text.
func ofCode(diags conf.Diagnostics, code string) []string {
	var out []string
	for _, d := range diags {
		if d.Code == code {
			out = append(out, fmt.Sprintf("%s %d: %s %s", d.Severity, d.Line, d.Summary, d.Hint))
		}
	}
	return out
}

// programsText is everyProgram with global settings and lines for the script and
// the check.
func programsText(global, script, misc string) string {
	text := strings.Replace(everyProgram, "GLOBAL", global, 1)
	for after, line := range map[string]string{"script /bin/hard\n": script, "misc_path /bin/misc\n": misc} {
		if line != "" {
			text = strings.Replace(text, after, after+line+"\n", 1)
		}
	}
	return text
}

// TestKeepalived_UnknownUsers: what a user is to run that the machine lacks is not
// run, as in keepalived: a script that nobody can run would else be a fault.
func TestKeepalived_UnknownUsers(t *testing.T) {
	o := outside()
	o.Account = func(name string) bool { return slices.Contains([]string{"root", "daemon", "daemon:adm"}, name) }
	const unknown = "this machine has no user %s: the programs that it is for are not run, as in keepalived "
	for _, tt := range []struct {
		global, script, misc string
		n                    int
		said                 []string
	}{
		{"script_user nobody", "", "", 0, []string{"warning 2: " + fmt.Sprintf(unknown, "nobody")}},
		{"script_user daemon adm", "", "", 6, nil},
		{"script_user daemon nogroup", "", "", 0, []string{"warning 2: " + fmt.Sprintf(unknown, "daemon:nogroup")}},
		{"script_user root", "user nobody", "", 5, []string{"warning 9: " + fmt.Sprintf(unknown, "nobody")}},
		{"script_user root", "", "user daemon adm", 6, nil},
		{"script_user nobody", "user root", "user root", 2, []string{"warning 2: " + fmt.Sprintf(unknown, "nobody")}},
		{"script_user root", "", "user nobody", 5, []string{"warning 27: " + fmt.Sprintf(unknown, "nobody")}},
	} {
		text := programsText(tt.global, tt.script, tt.misc)
		c, diags := loadOn(text, o)
		if c == nil {
			t.Fatal(remarks(t, diags))
		}
		if n, _ := programsOf(c); n != tt.n {
			t.Errorf("%+v: %d programs\n%s", tt, n, remarks(t, diags))
		}
		if diff := cmp.Diff(tt.said, ofCode(diags, "unknown_user")); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt, diff)
		}
	}
}

// TestKeepalived_MissingInterfaces: wherever an interface is named that is not
// there it is said where, and what may be meant; those that are made here or that
// may come later are no mistake.
func TestKeepalived_MissingInterfaces(t *testing.T) {
	const text = `global_defs {
  default_interface lan9
}
static_routes {
  198.51.100.0/24 dev eht0
}
vrrp_instance one {
  interface eth0
  virtual_router_id 51
  use_vmac vip51
  virtual_ipaddress {
    192.0.2.100/24 dev wan
    192.0.2.101/24 dev vip52
  }
  virtual_rules {
    from 192.0.2.100 iif nowhere table 100
  }
  track_interface {
    eth7
    vip52
  }
}
vrrp_instance two {
  virtual_router_id 52
  use_vmac vip52
  virtual_ipaddress {
    192.0.2.102/24
  }
}
net_namespace blue
`
	o := outside()
	if _, diags := loadOn(text, o); ofCode(diags, "no_interface") != nil {
		t.Error("interfaces are looked for without a machine")
	}
	var asked []string
	o.Interfaces = func(namespace string) []string {
		asked = append(asked, namespace)
		return []string{"lo", "eth0", "eth1"}
	}
	const wait = "what needs it waits until there is"
	_, diags := loadOn(text, o)
	want := []string{
		"warning 5: there is no interface eht0; " + wait + " did you mean eth0?",
		"warning 12: there is no interface wan; " + wait + " ",
		"warning 16: there is no interface nowhere; " + wait + " ",
		"warning 19: there is no interface eth7; " + wait + " did you mean eth0?",
		"warning 23: there is no interface lan9; " + wait + " ",
	}
	if diff := cmp.Diff(want, ofCode(diags, "no_interface")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"blue"}, asked); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	_, diags = loadOn("global_defs {\n  dynamic_interfaces\n}\n"+text, o)
	for _, d := range diags {
		if d.Code == "no_interface" && d.Severity != conf.Note {
			t.Errorf("with dynamic_interfaces: %+v", d)
		}
	}
}

// TestKeepalived_MailHost: only names are looked up, and only where that is asked
// for.
func TestKeepalived_MailHost(t *testing.T) {
	o := outside()
	text := func(server string) string { return "global_defs {\n  smtp_server " + server + "\n}\n" }
	if _, diags := loadOn(text("mail"), o); ofCode(diags, "unknown_host") != nil {
		t.Error("a name is looked up without a machine")
	}
	o.MailHost = func(host string) error { return errors.New("no such host as " + host) }
	for server, want := range map[string][]string{
		"192.0.2.25": nil, "2001:db8::25 2525": nil,
		"mail 25": {"warning 2: the address of the mail server is not known: no such host as mail; no mail can be sent until it is "},
	} {
		_, diags := loadOn(text(server), o)
		if diff := cmp.Diff(want, ofCode(diags, "unknown_host")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", server, diff)
		}
	}
}
