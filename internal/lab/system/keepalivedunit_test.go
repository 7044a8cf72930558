//go:build !race

package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// inPlace is a keepalived.conf that either daemon runs under systemd.
const inPlace = `vrrp_instance web {
  interface eth0
  version 3
  virtual_router_id 51
  priority %d
  advert_int 0.2
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`

// testKeepalivedUnit: under a real systemd with the unit of the distribution the
// shipped unit takes the place of keepalived as the guide says, and the line in
// the unit undoes it.
func testKeepalivedUnit(t *testing.T) {
	lab.Need(t, lab.Tool("keepalived"))
	packaging, err := filepath.Abs("../../../packaging/vipd-keepalived.service")
	if err != nil {
		t.Fatal(err)
	}
	p := newPair(t)
	u := &unit{pair: p}
	u.sd = p.lb1.Systemd(map[string]string{
		"/usr/sbin/vipd":                     lab.Binary(t),
		"/etc/keepalived/keepalived.conf":    p.lb1.WriteFile("unit.conf", fmt.Sprintf(inPlace, 150)),
		"/packaging/vipd-keepalived.service": packaging,
	})
	u.run("systemctl", "start", "keepalived")
	p.ownedBy(p.lb1, patience)
	p.lb2.Keepalived(fmt.Sprintf(inPlace, 100))
	u.mainProgram("keepalived")

	u.run("sh", "-ec", "cd / && "+documented(t, "../../../docs/migrating-from-keepalived.md", "systemctl stop keepalived", 3))
	u.mainProgram("vipd")
	p.ownedBy(p.lb1, patience)
	u.run("sed", "-i", "s/192.0.2.100/192.0.2.101/", "/etc/keepalived/keepalived.conf")
	u.run("systemctl", "reload", "keepalived")
	p.ownedBy(p.lb2, patience) // which still has the old address
	u.run("sed", "-i", "s/192.0.2.101/192.0.2.100/", "/etc/keepalived/keepalived.conf")
	u.run("systemctl", "reload", "keepalived")
	p.ownedBy(p.lb1, patience)

	u.notRepeated()

	rollback := documented(t, packaging, "rm /etc/systemd/system/keepalived.service", 1)
	u.run("sh", "-ec", rollback)
	u.mainProgram("keepalived")
	p.ownedBy(p.lb1, patience)
	u.run("systemctl", "stop", "keepalived")
	p.ownedBy(p.lb2, patience)
}

// notRepeated: systemd does not try again what errors of the configuration end.
func (u *unit) notRepeated() {
	u.t.Helper()
	const file = "/etc/keepalived/keepalived.conf"
	u.run("sed", "-i", "s/virtual_router_id 51/virtual_router_id/", file)
	if out, err := u.sd.Run("systemctl", "restart", "keepalived"); err == nil {
		u.t.Errorf("a restart with an error succeeds: %s", out)
	}
	if p := u.sd.Show("keepalived", "ActiveState", "ExecMainStatus", "NRestarts"); p["ActiveState"] != "failed" || p["ExecMainStatus"] != "78" || p["NRestarts"] != "0" {
		u.t.Errorf("after a start with an error: %v", p)
	}
	u.ownedBy(u.lb2, patience)
	u.run("sed", "-i", "s/virtual_router_id$/virtual_router_id 51/", file)
	u.run("systemctl", "start", "keepalived")
	u.mainProgram("vipd")
	u.ownedBy(u.lb1, patience)
}

// mainProgram waits until the unit keepalived is active and runs a program.
func (u *unit) mainProgram(want string) {
	u.t.Helper()
	lab.WaitFor(u.t, want+" runs as keepalived.service", patience, func() error {
		p := u.sd.Show("keepalived", "ActiveState", "MainPID")
		name, err := u.sd.Run("cat", "/proc/"+p["MainPID"]+"/comm")
		if err == nil && (p["ActiveState"] != "active" || strings.TrimSpace(name) != want) {
			err = fmt.Errorf("it is %s, of %s", p["ActiveState"], name)
		}
		return err
	})
}

// documented returns lines of a file from the one that begins with some words
// on: what users are told to type.
func documented(t *testing.T, file, begin string, lines int) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(string(text), "\n")
	for i, l := range all {
		all[i] = strings.TrimLeft(l, "# \t")
		if strings.HasPrefix(all[i], begin) {
			for j := range lines {
				all[i+j] = strings.TrimLeft(all[i+j], "# \t")
			}
			return strings.Join(all[i:i+lines], "\n")
		}
	}
	t.Fatalf("%s does not say %q", file, begin)
	return ""
}
