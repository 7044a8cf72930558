package keepalived

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// loadFiles reads keepalived.conf out of files that there are.
func loadFiles(files map[string]string) (*conf.Config, conf.Diagnostics) {
	o := outside()
	o.Read = func(name string) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	}
	o.Glob = func(pattern string) ([]string, error) {
		for name := range files {
			if dir, _, _ := strings.Cut(pattern, "*"); strings.HasPrefix(name, dir) {
				return []string{name}, nil
			}
		}
		return nil, nil
	}
	return Load([]string{"/k/keepalived.conf"}, o)
}

// TestIncludeCheck: a pattern that matches nothing is an error where that is
// demanded, until it is taken back, and in the file that demands it alone.
func TestIncludeCheck(t *testing.T) {
	for text, bad := range map[string]bool{
		"include no*.conf": false,
		"global_defs {\ninclude_check\n}\ninclude no*.conf":                                    true,
		"global_defs {\ninclude_check wildcard_match\n}\ninclude no*.conf":                     true,
		"global_defs {\ninclude_check readable,match\n}\ninclude no*.conf":                     false,
		"global_defs {\ninclude_check\ninclude_check -wildcard_match\n}\ninclude no*.conf":     false,
		"global_defs {\ninclude_check match\ninclude_check +wildcard_match\n}\ninclude no*.co": true,
		"include sub.conf\ninclude no*.conf":                                                   false,
		"includew no*.conf":                                                                    true,
		"include no.conf":                                                                      true,
	} {
		_, diags := loadFiles(map[string]string{"/k/keepalived.conf": text, "/k/sub.conf": "global_defs {\ninclude_check\n}\n"})
		if diags.HasErrors() != bad {
			t.Errorf("%q: errors %v\n%s", text, diags.HasErrors(), remarks(t, diags))
		}
	}
}

// TestNamesOfNumbers: names of tables and so on are those of iproute2, in the
// directories that the file names.
func TestNamesOfNumbers(t *testing.T) {
	routes := "static_routes {\n198.51.100.0/24 dev eth0 table site protocol mine realms blue tos gold\n}\nstatic_rules {\ntable site preference 9 suppress_ifgroup wan\n}\n"
	files := map[string]string{
		"/k/keepalived.conf": "global_defs {\niproute_etc_dir /e\niproute_usr_dir /u\n}\n" + routes,
		"/u/rt_tables":       "7 site\n", "/e/rt_tables": "# ours\n0x9 site # counts\n",
		"/u/rt_protos": "77 mine\n", "/e/rt_realms": "3 blue\n", "/e/rt_dsfield": "0x10 gold\n", "/e/group": "4 wan\n",
	}
	c, diags := loadFiles(files)
	if c == nil {
		t.Fatal(remarks(t, diags))
	}
	r, rule := c.Static.Paths.Routes[0], c.Static.Paths.Rules[0]
	if r.Table != 9 || r.Protocol != 77 || r.Realm != 3 || r.TOS != 16 || rule.Table != 9 || rule.NotGroup != 4 {
		t.Errorf("%+v\n%+v", r, rule)
	}
	files["/k/keepalived.conf"] = routes
	if c, _ := loadFiles(files); c == nil || len(c.Static.Paths.Routes) > 0 {
		t.Error("names of other directories are known")
	}
	files["/etc/iproute2/rt_tables.d/x.conf"] = "9 site\n"
	files["/k/keepalived.conf"] = "static_routes {\n198.51.100.0/24 dev eth0 table site\n}\n"
	if c, diags := loadFiles(files); c == nil {
		t.Error(remarks(t, diags))
	}
}

// TestMarkFamily: of a firewall mark.
func TestMarkFamily(t *testing.T) {
	for family, want := range map[string]ipvs.Family{"inet": ipvs.IPv4, "inet6": ipvs.IPv6} {
		c := usable(t, "virtual_server fwmark 3 {\nip_family "+family+"\nlvs_sched rr\nlvs_method TUN\nreal_server 198.51.100.1 80 {\n}\n}\n")
		if got := c.Services[0].Key.Family; got != want {
			t.Errorf("%s: %v", family, got)
		}
	}
}

// TestNoVirtualAddress: an instance without addresses is remarked on unless it
// is meant to be one.
func TestNoVirtualAddress(t *testing.T) {
	for word, want := range map[string]bool{"": true, "no_virtual_ipaddress": false} {
		_, diags := loadText(t, "vrrp_instance a {\ninterface eth0\nvirtual_router_id 5\n"+word+"\n}\n")
		if got := strings.Contains(remarks(t, diags), "no_addresses"); got != want {
			t.Errorf("%q: %s", word, remarks(t, diags))
		}
	}
}

// TestPagesDoNotWait: every url is a check of its own, at the same interval.
func TestPagesDoNotWait(t *testing.T) {
	c := usable(t, serviceWith("HTTP_GET {\nfast_recovery\ndelay_loop 7\nurl {\npath /a\n}\nurl {\npath /b\n}\n}"))
	checks := c.Services[0].Checks[realServer]
	if len(checks) != 2 || checks[0].Timing != checks[1].Timing {
		t.Fatalf("%+v", checks)
	}
	for i, path := range []string{"/a", "/b"} {
		if got := checks[i].Settings.Params.(healthcheck.HTTP).Paths.All(); len(got) != 1 || got[0] != path {
			t.Errorf("check %d asks for %q", i, got)
		}
	}
}

// TestKeepalived_Strict: what strict mode takes back, and what it remarks on.
func TestKeepalived_Strict(t *testing.T) {
	for _, tt := range []struct {
		lines    string
		noAccept bool
		remark   string // "" = none
	}{
		{"", true, ""},
		{"accept", true, "accept in version 2"},
		{"version 3\naccept", false, ""},
		{"version 3", true, ""},
		{"priority 255\nstate MASTER", false, ""},
		{"priority 255\nstate BACKUP", false, "state MASTER"},
		{"state MASTER", false, ""},
		{"priority 254\nstate MASTER", true, "state MASTER"},
		{"authentication {\nauth_type PASS\nauth_pass x\n}", true, "authentication"},
		{"preempt_delay 5", true, "preempt_delay"},
		{"use_vmac\nvmac_xmit_base", true, "vmac_xmit_base"},
		{"lower_prio_no_advert off", true, "answer to adverts"},
		{"higher_prio_send_advert", true, "higher_prio_send_advert"},
		{"down_timer_adverts 5", true, "down_timer_adverts"},
		{"garp_lower_prio_repeat 3", true, "announcements after"},
	} {
		c, diags := loadText(t, "global_defs {\nvrrp_strict\n}\n"+instanceAround(tt.lines))
		if c == nil {
			t.Fatal(remarks(t, diags))
		}
		got := c.Routers[0]
		if got.NoAccept != tt.noAccept || got.Auth.Type != 0 || got.PreemptDelay != 0 || got.DownAdverts != 0 || got.VMAC.FromBase ||
			!got.Deviations.SilentToLower || got.Deviations.AnswerHigher || got.Announce.LowerRepeat != -1 {
			t.Errorf("%q: %+v", tt.lines, got)
		}
		if said := remarks(t, diags); (tt.remark == "") != (len(diags) == 0) || !strings.Contains(said, tt.remark) {
			t.Errorf("%q: %q", tt.lines, said)
		}
	}
	if c := usable(t, "global_defs {\nvrrp_strict\n}\n"+instanceAround("strict_mode off")); c.Routers[0].NoAccept {
		t.Error("strict_mode off does not take vrrp_strict back")
	}
	_, diags := loadText(t, instanceAround("strict_mode\nvirtual_ipaddress {\n}")+strings.ReplaceAll(instanceAround("strict_mode"), "192.0.2.1/24", "2001:db8::1/64"))
	if said := remarks(t, diags); !strings.Contains(said, "link-local") {
		t.Error(said)
	}
}

// TestAlphaOfServers: of each real server, by what is written nearest to its
// checks.
func TestAlphaOfServers(t *testing.T) {
	service := func(service, server, check string) *conf.Config {
		return usable(t, "virtual_server 192.0.2.1 80 {\n"+service+"\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\nreal_server 198.51.100.1 80 {\n"+server+"\nTCP_CHECK {\n"+check+"\n}\n}\n"+
			"real_server 198.51.100.2 80 {\nTCP_CHECK {\n}\n}\n}\n")
	}
	for _, tt := range []struct {
		service, server, check string
		want                   [2]bool
	}{
		{"", "", "", [2]bool{false, false}}, {"alpha", "", "", [2]bool{true, true}}, {"", "alpha", "", [2]bool{true, false}},
		{"", "", "alpha", [2]bool{true, false}}, {"alpha", "", "alpha off", [2]bool{false, true}},
	} {
		s := service(tt.service, tt.server, tt.check).Services[0]
		if got := [2]bool{s.AlphaServer(s.RealServers[0]), s.AlphaServer(s.RealServers[1])}; got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// TestArgumentsOfProcesses: how they are compared.
func TestArgumentsOfProcesses(t *testing.T) {
	for words, want := range map[string]conf.ArgumentMatch{
		"process p": conf.MatchBegin, "process p a": conf.MatchExact, "process p a\nparam_match initial": conf.MatchPrefix,
		"process p a\nparam_match partial": conf.MatchBegin, "process p\nparam_match initial": conf.MatchExact,
	} {
		if got := usable(t, "vrrp_track_process x {\n"+words+"\n}\n").Tracking.Processes[0].Match; got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}

// TestUnreadableInclude is an error with its place.
func TestUnreadableInclude(t *testing.T) {
	o := outside()
	o.Read = func(name string) ([]byte, error) {
		if name == "keepalived.conf" {
			return []byte("\ninclude secret.conf\n"), nil
		}
		return nil, errors.New("permission denied")
	}
	c, diags := Load([]string{"keepalived.conf"}, o)
	if said := remarks(t, diags); c != nil || !strings.Contains(said, "keepalived.conf:2") || !strings.Contains(said, "permission denied") {
		t.Errorf("%v %s", c, said)
	}
}

// TestKeepalived_MasterOwns: what an instance without a priority gets.
func TestKeepalived_MasterOwns(t *testing.T) {
	for lines, want := range map[string]uint8{"": 100, "state BACKUP": 100, "state MASTER": 255, "state MASTER\npriority 90": 90} {
		if c := usable(t, instanceAround(lines)); c.Routers[0].Priority != want {
			t.Errorf("%q: priority %d, want %d", lines, c.Routers[0].Priority, want)
		}
	}
}
