//go:build !race

package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// unitOverride is what the trial of the unit changes: a watchdog that barks
// sooner and a log that the test can show.
const unitOverride = `[Service]
WatchdogSec=4s
StandardOutput=append:/run/vipd.log
StandardError=append:/run/vipd.log
`

// patience bounds waits that are no claims: programs start slowly in the guest.
const patience = time.Minute

// unit is the shipped unit under a real systemd on lb1, with lb2 as backup.
type unit struct {
	*pair
	sd *lab.Systemd
	v2 *lab.Vipd
}

// newUnit starts it, after other units, with more files of the machine.
func newUnit(t *testing.T, hcl string, files map[string]string, others ...string) *unit {
	shipped, err := filepath.Abs("../../../packaging/vipd.service")
	if err != nil {
		t.Fatal(err)
	}
	lab.Need(t, lab.Tool("dpkg-deb"))
	u := &unit{pair: newPair(t)}
	all := map[string]string{
		"/usr/sbin/vipd":                              lab.Binary(t),
		"/etc/vipd/vipd.hcl":                          u.lb1.WriteFile("unit.hcl", hcl),
		"/etc/systemd/system/vipd.service":            shipped,
		"/etc/systemd/system/vipd.service.d/lab.conf": u.lb1.WriteFile("lab.conf", unitOverride),
	}
	for place, text := range files {
		all[place] = u.lb1.WriteFile(filepath.Base(place), text)
	}
	u.sd = u.lb1.Systemd(all)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := u.sd.Run("cat", "/run/vipd.log")
			t.Log(log)
		}
	})
	for _, other := range append(others, "vipd") {
		u.run("systemctl", "start", other)
	}
	u.v2 = u.lb2.Vipd(hcl)
	u.ownedBy(u.lb1, patience)
	u.state(u.v2, vrrp.StateBackup)
	return u
}

// install makes a package of a binary with the shipped unit and maintainer script,
// installs it and returns what was said.
func (u *unit) install(version, binary string) string {
	u.t.Helper()
	root := filepath.Join(u.lb1.Dir(), "package-"+version)
	control := u.lb1.WriteFile("control", "Package: vipd\nVersion: "+version+"\nArchitecture: all\nMaintainer: vipd\nDescription: vipd\n")
	for to, from := range map[string]string{
		"DEBIAN/control":                      control,
		"DEBIAN/postinst":                     "../../../packaging/postinst",
		"usr/lib/systemd/system/vipd.service": "../../../packaging/vipd.service",
		"usr/sbin/vipd":                       binary,
	} {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(root, to)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(root, to), content, 0o755)
		}
		if err != nil {
			u.t.Fatal(err)
		}
	}
	if out, err := u.lb1.Run("dpkg-deb", "-Znone", "--root-owner-group", "--build", root, root+".deb"); err != nil {
		u.t.Fatalf("%v\n%s", err, out)
	}
	const archive = "/var/tmp/vipd.deb"
	u.sd.Copy(root+".deb", archive)
	return u.run("dpkg", "--install", archive)
}

// packageUpgrade installs other versions over the running one: one that is no
// vipd, and a good one, as which the daemon goes on. Nobody notices.
func (u *unit) packageUpgrade() {
	u.t.Helper()
	began, backup, pid := time.Now(), u.instance(u.v2), u.pid()
	roles := u.run("pgrep", "-P", fmt.Sprint(pid))
	if out := u.install("1", "/bin/false"); !strings.Contains(out, "vipd goes on as the version before") {
		u.t.Errorf("installed what is no vipd: %s", out)
	}
	if now := u.run("pgrep", "-P", fmt.Sprint(pid)); now != roles {
		u.t.Errorf("the processes are %q, were %q", now, roles)
	}
	u.install("2", lab.Binary(u.t))
	if now := u.run("pgrep", "-P", fmt.Sprint(pid)); now == roles || now == "" {
		u.t.Errorf("the processes are %q, were %q", now, roles)
	}
	u.steady(u.lb1, time.Second)
	if p := u.sd.Show("vipd", "ActiveState", "NRestarts"); p["ActiveState"] != "active" || p["NRestarts"] != "0" || u.pid() != pid {
		u.t.Errorf("unit: %v, process %d, was %d", p, u.pid(), pid)
	}
	if n := u.zeros(u.lb1, began); n > 0 {
		u.t.Errorf("%d adverts with priority 0", n)
	}
	u.unmoved(u.v2, backup)
}

// run runs a program beside the unit.
func (u *unit) run(arg ...string) string {
	u.t.Helper()
	out, err := u.sd.Run(arg...)
	if err != nil {
		u.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// restarted waits until systemd has started the unit again, n times in all.
func (u *unit) restarted(n int) {
	u.t.Helper()
	lab.WaitFor(u.t, "the unit is active again", patience, func() error {
		if p := u.sd.Show("vipd", "ActiveState", "NRestarts"); p["ActiveState"] != "active" || p["NRestarts"] != fmt.Sprint(n) {
			return fmt.Errorf("%v", p)
		}
		return nil
	})
}

func (u *unit) pid() (pid int) {
	fmt.Sscan(u.sd.Show("vipd", "MainPID")["MainPID"], &pid)
	return pid
}

// The shipped unit and maintainer script under a real systemd: start returns when
// the daemon is ready, a package upgrade is one of the daemon, reload reaches it,
// its watchdog and its last will work, stop is clean.
func testUnit(t *testing.T) {
	u := newUnit(t, slowly(), nil)
	if p := u.sd.Show("vipd", "Type", "ActiveState", "WatchdogUSec"); p["ActiveState"] != "active" || p["Type"] != "notify" || p["WatchdogUSec"] != "4s" {
		t.Errorf("unit: %v", p)
	}
	u.packageUpgrade()
	u.run("sed", "-i", "s/priority = 150/priority = 160/", "/etc/vipd/vipd.hcl")
	u.run("systemctl", "reload", "vipd")
	lab.WaitFor(t, "the reload has arrived", patience, func() error {
		_, err := u.sd.Run("sh", "-c", "vipd status | grep -q 'priority 160'")
		return err
	})
	u.steady(u.lb1, time.Second)

	// The supervisor hangs: the watchdog ends it, the router role hands over.
	frozen := time.Now()
	u.run("kill", "-STOP", fmt.Sprint(u.pid()))
	u.restarted(1)
	u.goodbye(u.lb1, frozen)
	u.ownedBy(u.lb1, patience)

	// All processes are killed at once: ExecStopPost hands over.
	killed, before := time.Now(), len(u.owners.Spans(u.lb2))
	u.run("systemctl", "kill", "-s", "KILL", "vipd")
	lab.WaitFor(t, "lb2 takes over", patience, func() error {
		if len(u.owners.Spans(u.lb2)) == before {
			return errStillThere
		}
		return nil
	})
	u.goodbye(u.lb1, killed)
	u.restarted(2)
	u.ownedBy(u.lb1, patience)

	stopped := time.Now()
	u.run("systemctl", "stop", "vipd")
	u.ownedBy(u.lb2, patience)
	u.goodbye(u.lb1, stopped)
	if p := u.sd.Show("vipd", "ActiveState", "Result"); p["ActiveState"] != "inactive" || p["Result"] != "success" {
		t.Errorf("stopped unit: %v", p)
	}
	// In a guest that stands still for seconds a last will may come too late:
	// then the lease ends it.
	if n := u.owners.Overlap(); n > lease+slack {
		t.Errorf("both had the VIP for %v", n)
	}
	u.sd.Signal(syscall.SIGKILL)
}
