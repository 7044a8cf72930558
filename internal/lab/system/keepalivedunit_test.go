//go:build !race

package system

import (
	"fmt"
	"os"
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

// keepalivedConf is where the distribution's unit has its configuration.
const keepalivedConf = "/etc/keepalived/keepalived.conf"

// testKeepalivedUnit: under a real systemd with the unit of the distribution every
// command of the guide does what the guide says, and so does the line in the
// shipped unit that undoes it.
func testKeepalivedUnit(t *testing.T) {
	lab.Need(t, lab.Tool("keepalived"))
	u := &unit{pair: newPair(t)}
	files := checkedOut(t)
	for place, priority := range map[string]int{keepalivedConf: 150, checkout + "/lb1.conf": 150, checkout + "/lb2.conf": 100} {
		files[place] = u.lb1.WriteFile(fmt.Sprintf("unit%d.conf", priority), fmt.Sprintf(inPlace, priority))
	}
	u.sd = u.lb1.Systemd(files)
	u.run("systemctl", "enable", "--now", "keepalived")
	u.ownedBy(u.lb1, patience)
	u.lb2.Keepalived(fmt.Sprintf(inPlace, 100))
	u.mainProgram("keepalived")

	g := u.guide("../../../docs/migrating-from-keepalived.md")
	g.lookBefore()
	g.swap()
	g.convert()
	g.done()
	u.run("systemctl", "stop", "keepalived")
	u.ownedBy(u.lb2, patience)
}

// lookBefore: keepalived runs, the files are fine, and doctor names it.
func (g *guide) lookBefore() {
	g.t.Helper()
	g.typed(g.next("install -m 755 bin/vipd", 1)...)
	look := g.next("vipd check", 3)
	g.typed(look[:2]...)
	if said := g.status(look[2], "1"); !strings.Contains(said, "keepalived") || !strings.Contains(said, "virtual router 51") {
		g.t.Errorf("doctor does not tell of keepalived: %s", said)
	}
}

// swap: vipd takes the place of keepalived, and goes.
func (g *guide) swap() {
	g.t.Helper()
	g.typed(g.next("systemctl stop keepalived", 3)...)
	g.mainProgram("vipd")
	g.ownedBy(g.lb1, patience)
	g.run("sed", "-i", "s/192.0.2.100/192.0.2.101/", keepalivedConf)
	g.run("systemctl", "reload", "keepalived")
	g.ownedBy(g.lb2, patience) // which still has the old address
	g.run("sed", "-i", "s/192.0.2.101/192.0.2.100/", keepalivedConf)
	g.run("systemctl", "reload", "keepalived")
	g.ownedBy(g.lb1, patience)

	g.notRepeated()

	rollback := g.next("rm /etc/systemd/system/keepalived.service", 1)
	if unit, err := os.ReadFile("../../../packaging/vipd-keepalived.service"); err != nil || !strings.Contains(string(unit), "#   "+rollback[0]+"\n") {
		g.t.Errorf("the unit does not say how to roll back: %v", err)
	}
	g.typed(rollback...)
	g.mainProgram("keepalived")
	g.ownedBy(g.lb1, patience)
}

// convert: the converted file runs in the place of keepalived, and goes.
func (g *guide) convert() {
	g.t.Helper()
	lines := g.next("vipd migrate", 2)
	if report := g.typed(lines[1]); !strings.Contains(report, `"vrrp_instance": 1`) {
		g.t.Errorf("report: %s", report)
	}
	g.typed("rm /etc/vipd/vipd.hcl") // it must not exist
	g.typed(lines[0])
	// Something changes, and nobody would notice.
	g.status(g.next("vipd check", 1)[0], "3")
	g.typed(g.next("install -m 644 packaging/vipd.service", 2)...)
	g.ownedBy(g.lb1, patience)
	g.enabled("vipd", "keepalived")
	g.typed(g.next("systemctl disable --now vipd", 1)...)
	g.mainProgram("keepalived")
	g.ownedBy(g.lb1, patience)
	g.enabled("keepalived", "vipd")
}

// enabled checks that one unit runs, also after a boot, and another one does not.
func (g *guide) enabled(one, other string) {
	g.t.Helper()
	for name, want := range map[string]string{one: "active enabled", other: "inactive disabled"} {
		if p := g.sd.Show(name, "ActiveState", "UnitFileState"); p["ActiveState"]+" "+p["UnitFileState"] != want {
			g.t.Errorf("%s is %v, want %s", name, p, want)
		}
	}
}

// notRepeated: systemd does not try again what errors of the configuration end.
func (u *unit) notRepeated() {
	u.t.Helper()
	u.run("sed", "-i", "s/virtual_router_id 51/virtual_router_id/", keepalivedConf)
	if out, err := u.sd.Run("systemctl", "restart", "keepalived"); err == nil {
		u.t.Errorf("a restart with an error succeeds: %s", out)
	}
	if p := u.sd.Show("keepalived", "ActiveState", "ExecMainStatus", "NRestarts"); p["ActiveState"] != "failed" || p["ExecMainStatus"] != "78" || p["NRestarts"] != "0" {
		u.t.Errorf("after a start with an error: %v", p)
	}
	u.ownedBy(u.lb2, patience)
	u.run("sed", "-i", "s/virtual_router_id$/virtual_router_id 51/", keepalivedConf)
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
