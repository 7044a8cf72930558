package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// memory is a file system in a map.
type memory map[string]string

func (m memory) options() Options {
	return Options{
		Hostname: "lb1",
		Env: func(name string) (string, bool) {
			v, ok := map[string]string{"IFACE": "bond0", "VRID": "77"}[name]
			return v, ok
		},
		Read: func(name string) ([]byte, error) {
			text, ok := m[name]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			return []byte(text), nil
		},
		Glob: func(pattern string) ([]string, error) {
			var out []string
			for _, name := range slices.Sorted(maps.Keys(m)) {
				if ok, err := path.Match(pattern, name); err != nil {
					return nil, err
				} else if ok {
					out = append(out, name)
				}
			}
			return out, nil
		},
	}
}

// loadText loads one file and expects no error.
func loadText(t *testing.T, body string) (*Config, Diagnostics) {
	t.Helper()
	c, diags := Load([]string{"a.hcl"}, memory{"a.hcl": "version = 1\n" + body}.options())
	if c == nil {
		t.Fatal(text(t, diags))
	}
	return c, diags
}

const instanceText = `
vrrp_instance "web" {
  interface = "eth0"
  vrid = 51
  virtual_address = ["192.0.2.10/24"]
  %s
}
`

// instance loads a virtual router with further lines.
func instance(t *testing.T, before, lines string) vrrp.Config {
	t.Helper()
	c, _ := loadText(t, before+fmt.Sprintf(instanceText, lines))
	return c.Routers[0]
}

func TestInstanceDefaults(t *testing.T) {
	want := vrrp.Config{
		Name: "web", ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51},
		Version: 2, Priority: vrrp.DefaultPriority, AdvertInterval: vrrp.DefaultAdvertInterval,
		Addresses: prefixes("192.0.2.10/24"), Preempt: true, Checksum: vrrp.ChecksumPseudo, Lease: vrrp.LeaseAuto,
		HandOver: vrrp.HandOverGraceful,
		Announce: vrrp.Announce{Repeat: vrrp.DefaultGARPRepeat, Delay: vrrp.DefaultGARPDelay},
	}
	if diff := cmp.Diff(want, instance(t, "", ""), models...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInstanceEverything(t *testing.T) {
	got := instance(t, "", `
  version = 3
  priority = 255
  advert_interval = "40.95s"
  preempt = false
  lease = "strict"
  hand_over = "immediate"
  checksum = "plain"
  garp {
    repeat = 100
    delay = "0s"
  }`)
	want := vrrp.Config{
		Name: "web", ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51},
		Version: 3, Priority: vrrp.PriorityOwner, AdvertInterval: 40950 * time.Millisecond,
		Addresses: prefixes("192.0.2.10/24"), Checksum: vrrp.ChecksumPlain, Lease: vrrp.LeaseStrict,
		Announce: vrrp.Announce{Repeat: 100},
	}
	if diff := cmp.Diff(want, got, models...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const directorsText = `
director "lb1" {
  address = "192.0.2.1"
  priority = 150
}
director "lb2" { priority = 90 }
`

// TestPriority shows where a priority comes from.
func TestPriority(t *testing.T) {
	tests := []struct {
		name, before, lines string
		want                uint8
	}{
		{"nothing said", "", "", 100},
		{"number", "", "priority = 7", 7},
		{"of the director", directorsText, "", 150},
		{"expression", directorsText, "priority = director.priority - 10", 140},
		{"by name", directorsText, `priority = director.name == "lb1" ? 1 : 2`, 1},
		{"another director's", directorsText, `priority = directors["lb2"].priority`, 90},
		{"director without one", `director "lb1" {}`, "priority = director.priority", 100},
		{"null is not written", directorsText, "priority = null", 150},
		{"local through the director", directorsText + "locals {\n base = director.priority\n p = local.base + 1\n}", "priority = local.p", 151},
		{"director through a local", "locals {\n p = 33\n}\ndirector \"lb1\" {\n priority = local.p\n}", "", 33},
		{"environment", "", `priority = tonumber(env("VRID"))`, 77},
		{"default of the environment", "", `priority = tonumber(env("NOT_SET", "12"))`, 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := instance(t, tt.before, tt.lines).Priority; got != tt.want {
				t.Errorf("priority %d, want %d", got, tt.want)
			}
		})
	}
}

// TestDirector shows which director a machine is.
func TestDirector(t *testing.T) {
	const body = "version = 1\ndirector \"lb1\" {}\ndirector \"lb2.example.com\" {}\ndirector \"LB3\" {}\n"
	tests := []struct{ option, host, want string }{
		{"", "lb1", "lb1"},
		{"", "lb1.example.com", "lb1"},
		{"", "lb2", "lb2.example.com"},
		{"", "lb2.example.com", "lb2.example.com"},
		{"", "lb3.example.com", "LB3"},
		{"LB3", "lb1", "LB3"},
		{"lb3", "lb1", ""}, // an option is taken literally
		{"", "lb4", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		o := memory{"a.hcl": body}.options()
		o.Director, o.Hostname = tt.option, tt.host
		c, diags := Load([]string{"a.hcl"}, o)
		switch {
		case tt.want == "" && (c != nil || diags[0].Code != "unknown_director"):
			t.Errorf("%+v: got %+v, %v", tt, c, diags)
		case tt.want != "" && (c == nil || c.Director != tt.want):
			t.Errorf("%+v: got %+v, %v", tt, c, diags)
		}
	}
}

// TestDirectorUnknownIsOneError: what depends on the director is not reported
// as well.
func TestDirectorUnknownIsOneError(t *testing.T) {
	body := directorsText + "locals {\n p = director.priority * 2\n}\n" + fmt.Sprintf(instanceText, "priority = local.p")
	o := memory{"a.hcl": "version = 1\n" + body}.options()
	o.Hostname = "elsewhere"
	_, diags := Load([]string{"a.hcl"}, o)
	if len(diags) != 1 || diags[0].Code != "unknown_director" {
		t.Error(text(t, diags))
	}
}

func TestGlobal(t *testing.T) {
	c, _ := loadText(t, "global {\n keep_table_on_stop = true\n other_vrrp_daemon = \"allow\"\n log {\n level = \"debug\"\n format = \"json\"\n }\n}")
	want := Global{LogLevel: "debug", LogFormat: "json", KeepTable: true, AllowOtherDaemon: true, RealTimePriority: DefaultRealTimePriority, Scripts: Scripts{Timeout: 30 * time.Second}}
	if !cmp.Equal(c.Global, want, cmpopts.EquateEmpty()) {
		t.Errorf("got %+v, want %+v", c.Global, want)
	}
}

// TestQuiescentDefault: with weight 0 the datagrams of a flow would go on to
// the dead server for ever.
func TestQuiescentDefault(t *testing.T) {
	tests := []struct {
		lines string
		want  bool
	}{
		{"", true},
		{`protocol = "udp"`, false},
		{"protocol = \"udp\"\n one_packet = true", false},
		{"quiescent = false", false},
		{"protocol = \"udp\"\n quiescent = true", true},
	}
	for _, tt := range tests {
		if got := serviceWith(t, tt.lines).Quiescent; got != tt.want {
			t.Errorf("%q: quiescent %v, want %v", tt.lines, got, tt.want)
		}
	}
}

func serviceWith(t *testing.T, lines string) Service {
	t.Helper()
	c, _ := loadText(t, "virtual_server \"web\" {\n address = \"192.0.2.10:80\"\n forward = \"direct\"\n"+lines+"\n}\n")
	return c.Services[0]
}

// TestFallback shows the forms and what a loopback address means.
func TestFallback(t *testing.T) {
	tests := []struct {
		lines string
		want  ipvs.RealServer
	}{
		{`fallback = "192.0.2.99:80"`, ipvs.RealServer{Address: addrPort("192.0.2.99:80"), Weight: 1, Forward: ipvs.Direct}},
		{`fallback = "192.0.2.99"`, ipvs.RealServer{Address: addrPort("192.0.2.99:80"), Weight: 1, Forward: ipvs.Direct}},
		{"fallback \"192.0.2.99:8080\" {\n forward = \"nat\"\n weight = 3\n}", ipvs.RealServer{Address: addrPort("192.0.2.99:8080"), Weight: 3, Forward: ipvs.Masquerade}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(&tt.want, serviceWith(t, tt.lines).Fallback, models...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.lines, diff)
		}
	}
	c, _ := loadText(t, "virtual_server \"web\" {\n address = \"192.0.2.10:80\"\n forward = \"masquerade\"\n fallback = \"127.0.0.1:80\"\n}\n")
	if got := c.Services[0].Fallback.Forward; got != ipvs.Direct {
		t.Errorf("loopback fallback of a masquerading service: forward %s, want direct", got)
	}
}

func TestForwardWords(t *testing.T) {
	for word, want := range map[string]ipvs.Forward{
		"direct": ipvs.Direct, "gate": ipvs.Direct, "dr": ipvs.Direct, "masquerade": ipvs.Masquerade, "masq": ipvs.Masquerade,
		"nat": ipvs.Masquerade, "tunnel": ipvs.Tunnel, "ipip": ipvs.Tunnel, "tun": ipvs.Tunnel,
	} {
		rs := serviceWith(t, fmt.Sprintf("real_server \"192.0.2.20\" {\n forward = %q\n}", word)).RealServers[0]
		if rs.Forward != want {
			t.Errorf("%s: forward %s, want %s", word, rs.Forward, want)
		}
	}
}

// TestChecksOfServers: a real server has the checks of its service, and its
// own in place of those of the same kind.
func TestChecksOfServers(t *testing.T) {
	c, _ := loadText(t, `
check "ping" "alive" {}
check "tcp" "alt" { port = 81 }
virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "masq"
  checks  = ["alive"]
  check "http" { path = "/a" }
  real_server "192.0.2.21" {}
  real_server "192.0.2.22" {
    check "http" { path = "/b" }
  }
  real_server "192.0.2.23:8080" { checks = ["alt"] }
}`)
	got := map[string][]string{}
	for addr, checks := range c.Services[0].Checks {
		for _, x := range checks {
			path := ""
			if p, ok := x.Settings.Params.(healthcheck.HTTP); ok {
				path = p.Paths.All()[0]
			}
			got[addr.String()] = append(got[addr.String()], fmt.Sprint(x.Settings.Kind, path, " ", healthcheck.KeyFor(x, addr).Target.Port()))
		}
	}
	want := map[string][]string{
		"192.0.2.21:80":   {"ping 0", "http/a 80"},
		"192.0.2.22:80":   {"ping 0", "http/b 80"},
		"192.0.2.23:8080": {"ping 0", "http/a 8080", "tcp 81"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCheckDefaults keeps the table of the language and the defaults of
// package healthcheck equal.
func TestCheckDefaults(t *testing.T) {
	needed := map[healthcheck.Kind]string{ // what has no default
		healthcheck.KindHTTPProxy: `url = "http://a/"`,
		healthcheck.KindRADIUS:    "user = \"u\"\n secret = \"s\"",
		healthcheck.KindScript:    `command = ["/c"]`,
		healthcheck.KindFile:      `path = "/f"`,
	}
	for _, kind := range healthcheck.Kinds() {
		got := serviceWith(t, fmt.Sprintf("check %q {\n%s\n}\n real_server \"192.0.2.20\" {}", kind, needed[kind])).Checks[addrPort("192.0.2.20:80")]
		want := []healthcheck.Check{{Settings: healthcheck.Defaults(kind), Timing: healthcheck.DefaultTiming()}}
		switch p := want[0].Settings.Params.(type) {
		case healthcheck.RADIUS:
			p.User, p.Secret = "u", "s"
			want[0].Settings.Params = p
		case healthcheck.Script:
			p.Command = healthcheck.ListOf("/c")
			want[0].Settings.Params = p
		case healthcheck.File:
			p.Path = "/f"
			want[0].Settings.Params = p
		case healthcheck.HTTP:
			if kind == healthcheck.KindHTTPProxy {
				p.Paths = healthcheck.ListOf("http://a/")
				want[0].Settings.Params = p
			}
		}
		if diff := cmp.Diff(want, got, models...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// TestCheckKindsComplete: the language has every kind, with the attributes
// that its problems are reported at.
func TestCheckKindsComplete(t *testing.T) {
	var got []healthcheck.Kind
	for _, k := range checkKinds {
		got = append(got, k.kind)
	}
	if diff := cmp.Diff(healthcheck.Kinds(), got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// TestScriptArguments: a script learns whose real server it checks.
func TestScriptArguments(t *testing.T) {
	s := serviceWith(t, `check "script" { command = ["/c", "{service_address}", "{service_port}", "{address}", "{port}", "{service}"] }
 real_server "192.0.2.20" {}`)
	got := s.Checks[addrPort("192.0.2.20:80")][0].Settings.Params.(healthcheck.Script).Command.All()
	want := []string{"/c", s.Key.Address.Addr().String(), "80", "{address}", "{port}", s.Name}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDependencies: a check knows what it depends on, however far that goes.
func TestDependencies(t *testing.T) {
	c, _ := loadText(t, `
check "ping" "router" { address = "192.0.2.1" }
check "tcp" "switch" { depends_on = "router" }
virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "masq"
  require = 1
  checks  = ["switch"]
  check "http" { depends_on = "switch" }
  real_server "192.0.2.21" {}
}`)
	s := c.Services[0]
	if s.Require != 1 {
		t.Errorf("require = %d", s.Require)
	}
	for _, x := range s.Checks[addrPort("192.0.2.21:80")] {
		var chain []string
		for d := x.DependsOn; d != nil; d = d.DependsOn {
			chain = append(chain, d.Name)
		}
		want := map[healthcheck.Kind][]string{healthcheck.KindTCP: {"router"}, healthcheck.KindHTTP: {"switch", "router"}}[x.Settings.Kind]
		if diff := cmp.Diff(want, chain); diff != "" {
			t.Errorf("%s depends on (-want +got):\n%s", x.Settings.Kind, diff)
		}
	}
}

func TestStatusForms(t *testing.T) {
	for written, want := range map[string]string{
		`200`: "200", `"200 - 299, 304"`: "200-299,304", `[200, "301-302"]`: "200,301-302",
	} {
		s := serviceWith(t, fmt.Sprintf("check \"http\" {\n status = %s\n}\n real_server \"192.0.2.20\" {}", written))
		if got := s.Checks[addrPort("192.0.2.20:80")][0].Settings.Params.(healthcheck.HTTP).Status; got != want {
			t.Errorf("%s: status %q, want %q", written, got, want)
		}
	}
}

// TestSeveralFiles: they are one configuration, includes come after the file
// that names them, and no file is read twice.
func TestSeveralFiles(t *testing.T) {
	m := memory{
		"etc/a.hcl":        "version = 1\ninclude = [\"conf.d/*.hcl\", \"a.hcl\"]\nlocals {\n vip = \"192.0.2.10\"\n}",
		"etc/conf.d/1.hcl": strings.ReplaceAll(fmt.Sprintf(instanceText, ""), `"192.0.2.10/24"`, `"${local.vip}/24"`),
		"etc/conf.d/2.hcl": "director \"lb1\" { priority = 42 }",
		"b.hcl":            "version = 1\nglobal {}",
	}
	c, diags := Load([]string{"etc/a.hcl", "b.hcl", "etc/conf.d/1.hcl"}, m.options())
	if len(diags) > 0 {
		t.Fatal(text(t, diags))
	}
	if diff := cmp.Diff([]string{"etc/a.hcl", "etc/conf.d/1.hcl", "etc/conf.d/2.hcl", "b.hcl"}, c.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := c.Routers[0]; got.Priority != 42 || !slices.Equal(got.Addresses, prefixes("192.0.2.10/24")) {
		t.Errorf("got %+v", got)
	}
}

// TestSeveralFilesReportAll: problems of all files, in the order of the files.
func TestSeveralFilesReportAll(t *testing.T) {
	m := memory{
		"a.hcl": "version = 1\n" + fmt.Sprintf(instanceText, ""),
		"b.hcl": fmt.Sprintf(instanceText, "x = 1"),
	}
	_, diags := Load([]string{"b.hcl", "missing.hcl", "a.hcl"}, m.options())
	var got []string
	for _, d := range diags {
		got = append(got, fmt.Sprintf("%s:%d %s", d.File, d.Line, d.Code))
	}
	want := []string{
		"b.hcl:6 unknown_key", "missing.hcl:0 unreadable",
		"a.hcl:3 duplicate_name", "a.hcl:5 duplicate_vrid", "a.hcl:6 shared_address",
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, text(t, diags))
	}
}

func TestUnreadable(t *testing.T) {
	for name, o := range map[string]Options{
		"no-such-file.hcl": {},
		t.TempDir():        {}, // a directory
		"broken":           {Read: func(string) ([]byte, error) { return nil, errors.New("disk on fire") }},
	} {
		c, diags := Load([]string{name}, o)
		if c != nil || len(diags) != 1 || diags[0].Code != CodeUnreadable || diags[0].File != name || diags[0].Line != 0 {
			t.Errorf("%s: got %+v, %+v", name, c, diags)
		}
	}
}

func TestNoFiles(t *testing.T) {
	c, diags := Load(nil, Options{})
	if got := text(t, diags); c != nil || got != "error: no configuration file is given [no_files]\n" {
		t.Errorf("got %v, %q", c, got)
	}
}

func TestNotes(t *testing.T) {
	tests := []struct{ before, lines, want string }{
		{"", "", `vrrp_instance "web": lease mode off, because no other director is configured; it becomes heal once another router was heard`},
		{directorsText, "", `vrrp_instance "web": lease mode heal, because the configuration names 2 directors`},
		{"", `lease = "strict"`, `vrrp_instance "web": lease mode strict, because it is configured`},
	}
	for _, tt := range tests {
		c, _ := loadText(t, tt.before+fmt.Sprintf(instanceText, tt.lines))
		want := Diagnostics{{Severity: Note, Code: "lease", File: "a.hcl", Summary: tt.want}}
		if diff := cmp.Diff(want, c.Notes()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestSafety_1_8_ManyAddressesAreWarnedOf(t *testing.T) {
	addresses := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%q, ", fmt.Sprintf("10.1.%d.%d/32", i/250, 1+i%250))
		}
		return b.String()
	}
	for n, want := range map[int]bool{256: false, 257: true} {
		_, diags := loadText(t, fmt.Sprintf(`
vrrp_instance "a" {
  interface       = "eth0"
  vrid            = 1
  virtual_address = [%s]
}
vrrp_instance "b" {
  interface       = "eth0"
  vrid            = 2
  virtual_address = [%s]
}
`, addresses(128), strings.ReplaceAll(addresses(n-128), "10.1.", "10.2.")))
		warned := slices.ContainsFunc(diags, func(d Diagnostic) bool { return d.Code == "many_addresses" })
		if warned != want {
			t.Errorf("%d addresses: warned %t, %v", n, warned, diags)
		}
	}
}
