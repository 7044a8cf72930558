//go:build !race

package system

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// directorConf is an ldirectord.cf whose table outlives its daemon.
const directorConf = `checktimeout=3
checkinterval=1
cleanstop=no

virtual=192.0.2.100:80
    real=192.0.2.11:80 gate 3
    real=192.0.2.12:80 gate 5
    scheduler=rr
    protocol=tcp
    checktype=connect
`

// testLdirectordUnit: under a real systemd with the unit of the distribution every
// command of the guide does what the guide says.
func testLdirectordUnit(t *testing.T) {
	lab.Need(t, lab.Tool("ldirectord"), lab.Tool("ipvsadm"))
	b := newBalancer(t)
	u := &unit{pair: &pair{t: t, net: b.net, lb1: b.lb}}
	files := checkedOut(t)
	files["/etc/ha.d/ldirectord.cf"] = b.lb.WriteFile("director.cf", directorConf)
	u.sd = b.lb.Systemd(files)
	whole := map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5}

	g := u.guide("../../../docs/migrating-from-ldirectord.md")
	first := g.next("install -m 755 bin/vipd", 3)
	g.typed(first...)
	g.inForeground(g.next("vipd run -f", 1)[0])
	b.weights(service, whole) // cleanstop says so

	g.run("ipvsadm", "--clear")
	g.run("mkdir", "-p", "/run/lock/subsys") // as it is after a boot
	g.run("systemctl", "enable", "--now", "ldirectord")
	b.weights(service, whole)
	swap := g.next("systemctl disable --now ldirectord", 3)
	g.typed(swap[0])
	b.weights(service, whole)
	g.typed(swap[1:]...)
	g.enabled("vipd", "ldirectord")
	b.served(u, whole)

	override := g.next("[Service]", 3)
	back := g.next("systemctl disable --now vipd", 1)
	g.instead(b)

	g.run("mkdir", "-p", "/etc/systemd/system/vipd.service.d")
	g.typed("cat >/etc/systemd/system/vipd.service.d/override.conf <<'END'\n"+strings.Join(override, "\n")+"\nEND", "systemctl daemon-reload", "systemctl restart vipd")
	if p := g.sd.Show("vipd", "ExecStart"); !strings.Contains(p["ExecStart"], "ldirectord.cf") {
		t.Errorf("the unit runs %s", p["ExecStart"])
	}
	b.served(u, whole)

	g.typed(back...)
	g.enabled("ldirectord", "vipd")
	b.weights(service, whole)
	g.done()
}

// instead: what haresources said becomes an instance of the converted file.
func (g *guide) instead(b *balancer) {
	g.t.Helper()
	if len(g.pieces) != 1 {
		g.t.Fatalf("%d pieces of configuration, one is tried", len(g.pieces))
	}
	g.typed("cat >>/etc/vipd/vipd.hcl <<'END'\n" + g.pieces[0] + "\nEND")
	g.typed(g.next("vipd check", 1)...)
	lab.WaitFor(g.t, "the address is there", patience, func() error {
		if !b.lb.Holds(addr("192.168.0.200")) {
			return errors.New("it is not")
		}
		return nil
	})
}

// inForeground types what runs until it is interrupted.
func (g *guide) inForeground(line string) {
	g.t.Helper()
	g.typed("timeout --foreground --signal=INT 60 "+line+" & run=$!", `until ipvsadm -Sn | grep -q "192.0.2.12:80"; do kill -0 $run; sleep 0.2; done`, "kill -INT $run; wait $run || [ $? = 0 ]")
}

// served waits until the daemon of the unit has all real servers in use.
func (b *balancer) served(u *unit, want map[string]int) {
	b.t.Helper()
	lab.WaitFor(b.t, "vipd has checked all real servers", patience, func() error {
		out, err := u.sd.Run("vipd", "status", "--json")
		if n := strings.Count(out, `"verdict": "up"`); err != nil || n < len(want) {
			return fmt.Errorf("%d are up, %v", n, err)
		}
		return nil
	})
	b.weights(service, want)
}
