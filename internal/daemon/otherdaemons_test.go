package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/kernel"
)

// foreignFile is what another daemon of the host runs.
const foreignFile = `vrrp_instance one {
  interface eth0
  virtual_router_id 51
  virtual_ipaddress { 192.0.2.100/24 }
}
@lb1 vrrp_instance two {
@lb1   interface eth0
@lb1   virtual_router_id 52
@lb1   virtual_ipaddress { 192.0.2.101/24 }
@lb1 }
`

// TestOtherDaemons: a router is refused that another daemon runs, or may run;
// others of its interface are not.
func TestOtherDaemons(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "keepalived.conf")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(conf, foreignFile)
	if err := os.Chtimes(conf, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	const uptime = 10_000
	for _, tt := range []struct {
		name    string
		command []string
		age     int // of the process, in seconds
		runs    []int
	}{
		{"keepalived", []string{"/usr/sbin/keepalived", "-f", conf, "-i", "lb1"}, 60, []int{51, 52}},
		{"another id", []string{"keepalived", "--use-file=" + conf, "--config-id", "lb2"}, 60, []int{51}},
		{"relative", []string{"keepalived", "-fkeepalived.conf", "-i", "lb2"}, 60, []int{51}},
		{"changed since", []string{"keepalived", "-f", conf, "-i", "lb2"}, 7200, []int{51, 52, 53}},
		{"unreadable", []string{"keepalived", "-f", conf + ".old"}, 60, []int{51, 52, 53}},
		{"not keepalived", []string{"/usr/lib/frr/vrrpd"}, 60, []int{51, 52, 53}},
		{"no words", nil, 60, []int{51, 52, 53}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proc := t.TempDir()
			write(filepath.Join(proc, "uptime"), fmt.Sprintf("%d.00 1.00\n", uptime))
			write(filepath.Join(proc, "7", "cmdline"), strings.Join(tt.command, "\x00")+"\x00")
			write(filepath.Join(proc, "7", "stat"), fmt.Sprintf("7 (a ) b) S%s %d 0\n", strings.Repeat(" 0", 18), (uptime-tt.age)*ticks))
			if err := os.Symlink(dir, filepath.Join(proc, "7", "cwd")); err != nil {
				t.Fatal(err)
			}
			o := newOtherDaemons()
			o.proc, o.hostname = proc, "elsewhere"
			o.listeners = func(iface string) []kernel.Listener {
				if iface != "eth0" {
					return nil
				}
				return []kernel.Listener{{PID: 7, Name: "other"}}
			}
			for vrid := 51; vrid <= 53; vrid++ {
				want := ""
				for _, n := range tt.runs {
					if n == vrid {
						want = "other (pid 7)"
					}
				}
				if got := o.running(vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: uint8(vrid)}); got != want {
					t.Errorf("virtual router %d: %q, want %q", vrid, got, want)
				}
			}
			if got := o.running(vrrp.RouterID{Interface: "eth1", Family: vrrp.IPv4, VRID: 51}); got != "" {
				t.Errorf("on an interface without another daemon: %q", got)
			}
		})
	}
}
