package ldirectord

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/golden"
	"github.com/vipd/vipd/ipvs"
)

// options read the files of testdata and nothing else.
func options() conf.Options {
	return conf.Options{
		Program:  func(string) error { return nil },
		Hostname: "lb1",
		Env:      func(string) (string, bool) { return "", false },
		Resolve:  func(host string) ([]netip.Addr, error) { return nil, fmt.Errorf("no such host") },
		Read: func(name string) ([]byte, error) {
			if filepath.IsAbs(name) {
				return nil, fs.ErrNotExist
			}
			return os.ReadFile(name)
		},
	}
}

// only reads one text.
func only(text string) conf.Options {
	o := options()
	o.Read = func(name string) ([]byte, error) {
		switch name {
		case "a.cf":
			return []byte(text), nil
		case "/etc/services":
			return []byte("# names\nwww-dev\t2080/tcp\t devweb # ours\nbad\nbad2 x/tcp\n"), nil
		}
		return nil, fs.ErrNotExist
	}
	return o
}

func said(t *testing.T, d conf.Diagnostics) string {
	t.Helper()
	var b strings.Builder
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	t.Chdir(filepath.Join("..", "..", "testdata", "ldirectord", dir))
	names, err := filepath.Glob("*.cf")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return names
}

// TestTranslate compares what good files become with the text beside them, and
// reads that text: it means the same as the file.
func TestTranslate(t *testing.T) {
	for _, name := range files(t, "") {
		t.Run(name, func(t *testing.T) {
			base := strings.TrimSuffix(name, ".cf")
			doc, _, diags := Translate([]string{name}, options())
			cfg, all := Load([]string{name}, options())
			if cfg == nil {
				t.Fatal(said(t, all))
			}
			if len(all) < len(diags) {
				t.Errorf("%d remarks of translating, %d of loading", len(diags), len(all))
			}
			golden.Compare(t, base+".txt", said(t, all))
			golden.Compare(t, base+".hcl", string(doc.Bytes()))
			again, _ := conf.Load([]string{base + ".hcl"}, options())
			if again == nil {
				t.Fatal("the text cannot be read")
			}
			again.Files, cfg.Files, again.Origins, cfg.Origins = nil, nil, nil, nil
			if diff := cmp.Diff(cfg, again, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("the text means something else (-file +text):\n%s", diff)
			}
		})
	}
}

// TestBad compares all that is said about files with mistakes.
func TestBad(t *testing.T) {
	for _, name := range files(t, "bad") {
		t.Run(name, func(t *testing.T) {
			cfg, diags := Load([]string{name}, options())
			if (cfg == nil) != diags.HasErrors() {
				t.Errorf("configuration is nil: %v, errors: %v", cfg == nil, diags.HasErrors())
			}
			for _, d := range diags {
				if d.File != name || d.Line == 0 {
					t.Errorf("%s is said about %s:%d", d.Summary, d.File, d.Line)
				}
			}
			golden.Compare(t, strings.TrimSuffix(name, ".cf")+".txt", said(t, diags))
		})
	}
}

// TestEveryDirective: the good files use all directives.
func TestEveryDirective(t *testing.T) {
	var all strings.Builder
	for _, name := range files(t, "") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("\n" + string(text))
	}
	for key, d := range directives {
		if d.global && !strings.Contains(all.String(), "\n"+key) {
			t.Errorf("global %s is in no file of testdata", key)
		}
		if d.virtual && !strings.Contains(strings.ReplaceAll(all.String(), "\t", "    "), "\n    "+key+" ") {
			t.Errorf("%s of a virtual server is in no file of testdata", key)
		}
	}
}

// load reads a text that must be good.
func load(t *testing.T, text string) *conf.Config {
	t.Helper()
	cfg, diags := Load([]string{"a.cf"}, only(text))
	if cfg == nil {
		t.Fatal(said(t, diags))
	}
	return cfg
}

// check returns the check of the only real server.
func check(t *testing.T, cfg *conf.Config) healthcheck.Check {
	t.Helper()
	s := cfg.Services[0]
	return s.Checks[s.RealServers[0].Address][0]
}

func TestModel(t *testing.T) {
	s := load(t, "quiescent=yes\nvirtual=192.0.2.10:www-dev\n\tfallback=127.0.0.1\n\treal=192.0.2.21:devweb gate 2\n\tservice=http\n").Services[0]
	want := ipvs.Config{
		Name:        "192.0.2.10-2080",
		Key:         ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.10:2080")},
		Scheduler:   "wrr",
		Quiescent:   true,
		Alpha:       true,
		RealServers: []ipvs.RealServer{{Address: netip.MustParseAddrPort("192.0.2.21:2080"), Weight: 2, Forward: ipvs.Direct}},
		Fallback:    &ipvs.RealServer{Address: netip.MustParseAddrPort("127.0.0.1:2080"), Weight: 1, Forward: ipvs.Direct},
	}
	if diff := cmp.Diff(want, s.Config, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
}

// TestTimeouts: which of the directives counts.
func TestTimeouts(t *testing.T) {
	for _, tt := range []struct {
		global, virtual, checktype string
		want                       time.Duration
	}{
		{"", "", "connect", 5 * time.Second},
		{"", "", "negotiate", 30 * time.Second},
		{"checktimeout=3", "", "negotiate", 3 * time.Second},
		{"negotiatetimeout=4", "", "connect", 4 * time.Second},
		{"checktimeout=3\nnegotiatetimeout=4", "", "negotiate", 4 * time.Second},
		{"checktimeout=3\nnegotiatetimeout=4", "negotiatetimeout=6", "connect", 6 * time.Second},
		{"checktimeout=3", "checktimeout=7", "negotiate", 7 * time.Second},
		{"timeout=2", "", "negotiate", 2 * time.Second},
		{"timeout=2\nchecktimeout=3", "", "connect", 3 * time.Second},
	} {
		text := tt.global + "\nvirtual=192.0.2.10:80\n\treal=192.0.2.21:80 gate\n\tchecktype=" + tt.checktype + "\n"
		if tt.virtual != "" {
			text += "\t" + tt.virtual + "\n"
		}
		c := check(t, load(t, text))
		if c.Settings.Timeout != tt.want || c.Timing.Interval != 10*time.Second || c.Timing.Fall != 1 || c.Timing.Rise != 1 {
			t.Errorf("%q: timeout %s, want %s; timing %+v", text, c.Settings.Timeout, tt.want, c.Timing)
		}
	}
}

// TestQuiescent: absent means no, whatever the manual says; a virtual server's
// own goes before the global one.
func TestQuiescent(t *testing.T) {
	for _, tt := range []struct {
		global, virtual string
		want            bool
	}{
		{"", "", false}, {"quiescent=yes", "", true}, {"quiescent=yes", "\tquiescent=no", false}, {"quiescent=no", "\tquiescent=yes", true},
	} {
		got := load(t, tt.global+"\nvirtual=192.0.2.10:80\n\treal=192.0.2.21:80 gate\n"+tt.virtual+"\n").Services[0].Quiescent
		if got != tt.want {
			t.Errorf("%q %q: quiescent %v", tt.global, tt.virtual, got)
		}
	}
}

// TestCleanStop: a virtual server's own goes before the global one; absent means
// yes.
func TestCleanStop(t *testing.T) {
	for _, tt := range []struct {
		global, virtual string
		want            bool // it goes
	}{
		{"", "", true}, {"cleanstop=no", "", false}, {"", "no", false}, {"cleanstop=yes", "no", false},
		{"cleanstop=no", "yes", true}, {"cleanstop=no", "no", false}, {"cleanstop=yes", "yes", true},
	} {
		own := ""
		if tt.virtual != "" {
			own = "\tcleanstop=" + tt.virtual + "\n"
		}
		cfg := load(t, tt.global+"\nvirtual=192.0.2.10:80\n\treal=192.0.2.21:80 gate\n"+own)
		keep := cfg.Global.KeepTable
		if s := cfg.Services[0]; s.KeepOnStop != nil {
			keep = *s.KeepOnStop
		}
		if keep == tt.want {
			t.Errorf("%q %q: stays %v", tt.global, tt.virtual, keep)
		}
	}
}

// TestOff: nothing is ever activated, the fallback neither.
func TestOff(t *testing.T) {
	s := load(t, "fallback=127.0.0.1\nvirtual=192.0.2.10:80\n\treal=192.0.2.21:80 gate\n\tchecktype=off\n").Services[0]
	if s.Fallback != nil || s.Checks[s.RealServers[0].Address][0].Settings.Kind != healthcheck.KindOff {
		t.Errorf("fallback %v, checks %v", s.Fallback, s.Checks)
	}
}

// TestNames: host names of real servers are looked up again while vipd runs,
// that of a virtual server once.
func TestNames(t *testing.T) {
	o := only("virtual=www.example.com:80\n\treal=web1.example.com:80 gate\n")
	o.Resolve = func(host string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr(map[string]string{"www.example.com": "192.0.2.10", "web1.example.com": "192.0.2.21"}[host])}, nil
	}
	cfg, diags := Load([]string{"a.cf"}, o)
	if cfg == nil {
		t.Fatal(said(t, diags))
	}
	if diff := cmp.Diff([]string{"web1.example.com"}, cfg.HostNames); diff != "" {
		t.Error(diff)
	}
	if got := cfg.Services[0].Key.Address.String() + " " + cfg.Services[0].RealServers[0].Address.String(); got != "192.0.2.10:80 192.0.2.21:80" {
		t.Error(got)
	}
}

func TestMissingFile(t *testing.T) {
	cfg, diags := Load([]string{"missing.cf"}, only(""))
	if cfg != nil || len(diags) != 1 || diags[0].Code != conf.CodeUnreadable || diags[0].File != "missing.cf" {
		t.Errorf("%v", diags)
	}
}

// FuzzLoad: whatever a file holds, it is read or every problem has a line.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"*.cf", "bad/*.cf"} {
		names, _ := filepath.Glob(filepath.Join("..", "..", "testdata", "ldirectord", pattern))
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil {
				f.Add(string(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, diags := Load([]string{"a.cf"}, only(text))
		if (cfg == nil) != diags.HasErrors() {
			t.Errorf("configuration is nil: %v, errors: %v", cfg == nil, diags.HasErrors())
		}
	})
}

// TestLoginsAreTriedEach: virtual servers that log in to one real server in
// different ways have a check each, those that do so in the same way share one.
func TestLoginsAreTriedEach(t *testing.T) {
	text := ""
	for i, login := range []string{"alice", "alice", "bob"} {
		text += fmt.Sprintf("virtual=192.0.2.%d:110\n\treal=192.0.2.21:110 gate\n\tservice=pop\n\tlogin=\"%s\"\n\tpasswd=\"hush\"\n\n", 10+i, login)
	}
	cfg, diags := Load([]string{"a.cf"}, only(text))
	if cfg == nil {
		t.Fatal(said(t, diags))
	}
	real := netip.MustParseAddrPort("192.0.2.21:110")
	keys := map[healthcheck.Key]int{}
	for _, s := range cfg.Services {
		for _, c := range s.Checks[real] {
			keys[healthcheck.KeyFor(c, real)]++
		}
	}
	if len(keys) != 2 {
		t.Errorf("checks: %v", keys)
	}
}
