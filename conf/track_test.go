package conf

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

const trackFileText = `version = 1

global {
  notify_fifo = "/run/vipd/notify"
  scripts { user = "nobody" }
  mail {
    to = ["ops@example.com"]
    from = "vipd@example.com"
    server = "mail.example.com:587"
  }
}

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  track "interface" "eth2" {
    weight = -10
    debounce = "500ms"
  }
  track "script" "chk" { weight = -60 }
  track "virtual_server" "web" {}
  notify {
    master = ["/bin/true", "up"]
    mail = true
  }
}

vrrp_instance "inside" {
  interface       = "eth1"
  vrid            = 52
  virtual_address = ["198.51.100.1/24"]
}

vrrp_instance "both" {
  interface       = "eth3"
  vrid            = 53
  virtual_address = ["203.0.113.1/24", "fe80::53/64"]
}

vrrp_sync_group "edge" {
  members = ["web", "inside"]
  track "ping" "gw" { reverse = true }
  track "file" "drain" { weight = 1 }
  track "process" "haproxy" {}
  notify { any = ["/bin/true"] }
}

track_script "chk" {
  command = ["/bin/true", "-v"]
  fall = 3
}
track_ping "gw" {
  targets = ["192.0.2.1", "2001:db8::1"]
  require = "all"
  hold = "5s"
}
track_file "drain" { path = "/run/drain" }
track_process "haproxy" {
  program = "haproxy"
  arguments = ["-W"]
  quorum = 2
}

virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "direct"
  real_server "192.0.2.20" {}
  check "tcp" {}
}
`

func TestTracking(t *testing.T) {
	name := filepath.Join(t.TempDir(), "vipd.hcl")
	if err := os.WriteFile(name, []byte(trackFileText), 0o644); err != nil {
		t.Fatal(err)
	}
	c, diags := Load([]string{name}, badOptions())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	id := func(kind vrrp.TrackKind, name string) vrrp.TrackID { return vrrp.TrackID{Kind: kind, Name: name} }
	wantTracks := []vrrp.Track{
		{ID: id("interface", "eth2"), Weight: -10, Debounce: 500 * time.Millisecond},
		{ID: id("script", "chk"), Weight: -60},
		{ID: id("virtual_server", "web")},
	}
	if diff := cmp.Diff(wantTracks, c.Routers[0].Tracks); diff != "" {
		t.Errorf("tracks of web:\n%s", diff)
	}
	router := func(iface string, f vrrp.Family, vrid uint8) vrrp.RouterID {
		return vrrp.RouterID{Interface: iface, Family: f, VRID: vrid}
	}
	wantGroups := []SyncGroup{
		{
			Group: vrrp.Group{
				Name: "edge", Members: []vrrp.RouterID{router("eth0", 4, 51), router("eth1", 4, 52)},
				Tracks: []vrrp.Track{{ID: id("ping", "gw"), Reverse: true}, {ID: id("file", "drain"), Weight: 1}, {ID: id("process", "haproxy")}},
			},
			Notify: Notify{Any: Program{Args: []string{"/bin/true"}}},
		},
		{Group: vrrp.Group{Name: "both", Members: []vrrp.RouterID{router("eth3", 4, 53), router("eth3", 6, 53)}}},
	}
	if diff := cmp.Diff(wantGroups, c.Groups); diff != "" {
		t.Errorf("groups:\n%s", diff)
	}
	wantTracking := Tracking{
		Scripts: []TrackScript{{
			Name: "chk", Command: []string{"/bin/true", "-v"}, Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 3, User: "nobody",
		}},
		Pings: []TrackPing{{
			Name: "gw", Targets: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, Require: 2,
			Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 3, Hold: 5 * time.Second,
		}},
		Files:     []TrackFile{{Name: "drain", Path: "/run/drain"}},
		Processes: []TrackProcess{{Name: "haproxy", Program: "haproxy", Args: []string{"-W"}, Quorum: 2}},
		Services:  []string{"web"},
	}
	if diff := cmp.Diff(wantTracking, c.Tracking, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("tracking:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]Notify{"web": {Master: Program{Args: []string{"/bin/true", "up"}}, Mail: true}}, c.Notify); diff != "" {
		t.Errorf("notify:\n%s", diff)
	}
	wantMail := &Mail{To: []string{"ops@example.com"}, From: "vipd@example.com", Server: "mail.example.com:587", Timeout: 20 * time.Second, Style: MailDigest, Security: "starttls"}
	if diff := cmp.Diff(wantMail, c.Global.Mail); diff != "" {
		t.Errorf("mail:\n%s", diff)
	}
}

// Who else could change what a program does is found.
func TestCheckProgram(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(write("open/target", 0o755), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		write("good", 0o755):       "",
		write("data", 0o644):       "is not executable",
		write("shared", 0o757):     "others may write to",
		write("open/inside", 0o75): "others may write to",
		filepath.Join(dir, "link"): "others may write to",
		filepath.Join(dir, "gone"): "does not exist",
		dir:                        "is not a file",
	} {
		err := CheckProgram(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// A script that does not exist, cannot run or can be changed by others is a
// warning at its place.
func TestProgramIsLookedAt(t *testing.T) {
	for name, c := range map[string]struct {
		mode os.FileMode
		want string
	}{
		"absent":             {0, "does not exist"},
		"not executable":     {0o644, "is not executable"},
		"writable by others": {0o757, "others may write to"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			script := filepath.Join(dir, "script")
			if c.mode != 0 {
				if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(script, c.mode); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(dir, "vipd.hcl")
			text := strings.Replace(trackFileText, `command = ["/bin/true", "-v"]`, `command = ["`+script+`", "-v"]`, 1)
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			o := badOptions()
			o.Program = CheckProgram
			_, diags := Load([]string{file}, o)
			line := 1 + strings.Count(text[:strings.Index(text, script)], "\n")
			for _, d := range diags {
				if d.Code == "bad_program" && d.Severity == Warning && d.Line == line && d.Col == 13 && strings.Contains(d.Summary, c.want) {
					return
				}
			}
			t.Errorf("no warning %q at line %d:\n%v", c.want, line, diags)
		})
	}
}
