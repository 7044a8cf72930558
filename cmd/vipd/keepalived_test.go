package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

const instance = "vrrp_instance a {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress { 192.0.2.1 }\n"

// asKeepalived runs vipd as keepalived on a machine with two interfaces,
// and returns its exit code.
func asKeepalived(args []string) int {
	c := &common{
		interfaces: func(string) []string { return []string{"lo", "eth0", "eth1"} },
		mailHost: func(host string) error {
			if strings.HasSuffix(host, ".invalid") {
				return errors.New("no such host")
			}
			return nil
		},
	}
	return executeWith(c, append([]string{keepalivedName}, args...))
}

// TestKeepalived_ConfigTest: the exit codes of keepalived -t, but a file that
// is not there is an error.
func TestKeepalived_ConfigTest(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"good", instance + "}", 0},
		{"unknown keyword", instance + "foo 1\n}", 5},
		{"no parameter", instance + "state\n}", 2},
		{"script", instance + "notify /bin/true\n}", 6},
		{"script with security", "global_defs {\nenable_script_security\nscript_user root\n}\n" + instance + "notify /bin/true\n}", 0},
	} {
		file := filepath.Join(dir, "keepalived.conf")
		if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		report := filepath.Join(dir, "report")
		if got := asKeepalived([]string{"-f", file, "--config-test=" + report}); got != c.want {
			text, _ := os.ReadFile(report)
			t.Errorf("%s: exit code %d, want %d: %s", c.name, got, c.want, text)
		}
	}
	if got := asKeepalived([]string{"-t", "-f", filepath.Join(dir, "none")}); got != 2 {
		t.Errorf("a missing file: exit code %d", got)
	}
}

func TestKeepalived_Signals(t *testing.T) {
	var out bytes.Buffer
	if err := printSignals(&out, "STOP,RELOAD,DATA,STATS,JSON"); err != nil || out.String() != "15 1 10 12 36\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := printSignals(&out, "DANCE"); err == nil {
		t.Error("an unknown name is taken")
	}
}

// TestKeepalived_Roles: -P and -C leave the other half out, -I keeps the table.
func TestKeepalived_Roles(t *testing.T) {
	full := func() *conf.Config {
		return &conf.Config{Routers: []vrrp.Config{{Name: "a"}}, Services: []conf.Service{{}}, Sync: &ipvs.SyncConfig{}}
	}
	count := func(k keepalivedFlags) [3]int {
		c := full()
		k.adjust(c)
		keep := 0
		if c.Global.KeepTable {
			keep = 1
		}
		return [3]int{len(c.Routers), len(c.Services), keep}
	}
	for flags, want := range map[keepalivedFlags][3]int{
		{}:                                    {1, 1, 0},
		{routerOnly: true}:                    {1, 0, 0},
		{checkerOnly: true}:                   {0, 1, 0},
		{routerOnly: true, checkerOnly: true}: {1, 1, 0},
		{keepTable: true}:                     {1, 1, 1},
	} {
		if got := count(flags); got != want {
			t.Errorf("%+v: %v, want %v", flags, got, want)
		}
	}
}

// TestKeepalived_Place: -s goes before the configuration, and who runs beside
// others has files of its own.
func TestKeepalived_Place(t *testing.T) {
	for _, tt := range []struct {
		have conf.Global
		k    keepalivedFlags
		name string
		want daemon.PIDFiles
	}{
		{conf.Global{}, keepalivedFlags{}, "", defaultPIDFiles},
		{conf.Global{}, keepalivedFlags{pids: daemon.PIDFiles{Router: "/x"}}, "", daemon.PIDFiles{
			Supervisor: defaultPIDFiles.Supervisor, Router: "/x", Checker: defaultPIDFiles.Checker,
		}},
		{conf.Global{Instance: "a", PIDDir: "/run/keepalived"}, keepalivedFlags{}, "a", daemon.PIDFiles{
			Supervisor: "/run/keepalived/keepalived_a.pid", Router: "/run/keepalived/vrrp_a.pid", Checker: "/run/keepalived/checkers_a.pid",
		}},
		{conf.Global{Namespace: "red", PIDDir: "/run/keepalived/red"}, keepalivedFlags{namespace: "blue"}, "blue", daemon.PIDFiles{
			Supervisor: "/run/keepalived/blue/keepalived.pid", Router: "/run/keepalived/blue/vrrp.pid", Checker: "/run/keepalived/blue/checkers.pid",
		}},
		{conf.Global{PIDDir: "/run/keepalived"}, keepalivedFlags{routerOnly: true}, "", daemon.PIDFiles{
			Supervisor: "/run/keepalived/keepalived.pid", Router: "/run/keepalived/vrrp.pid",
		}},
		{conf.Global{}, keepalivedFlags{checkerOnly: true}, "", daemon.PIDFiles{
			Supervisor: defaultPIDFiles.Supervisor, Checker: defaultPIDFiles.Checker,
		}},
		{conf.Global{}, keepalivedFlags{routerOnly: true, checkerOnly: true}, "", defaultPIDFiles},
	} {
		c := &conf.Config{Global: tt.have}
		tt.k.adjust(c)
		if got := tt.k.pidFiles(c.Global); got != tt.want || alongside(c.Global) != tt.name {
			t.Errorf("%+v %+v: %q, %+v", tt.have, tt.k, alongside(c.Global), got)
		}
	}
	opt := daemon.Options{RuntimeDir: "/run/vipd", StateDir: "/var/lib/vipd"}
	cmd := keepalivedCommand(&common{})
	cmd.Flags().String("runtime-dir", "", "")
	cmd.Flags().String("state-dir", "", "")
	if err := cmd.ParseFlags([]string{"--state-dir", "/s"}); err != nil {
		t.Fatal(err)
	}
	separate(cmd, &opt, "blue")
	if opt.RuntimeDir != "/run/vipd-blue" || opt.StateDir != "/var/lib/vipd" {
		t.Errorf("directories %s and %s", opt.RuntimeDir, opt.StateDir)
	}
}

// TestKeepalived_Umask: that of the command line goes before the file's.
func TestKeepalived_Umask(t *testing.T) {
	old := uint32(0o22)
	c := &conf.Config{Global: conf.Global{Umask: &old}}
	for flag, want := range map[string]uint32{"": 0o22, "077": 0o77} {
		(&keepalivedFlags{umask: flag}).adjust(c)
		if *c.Global.Umask != want {
			t.Errorf("%q: %o", flag, *c.Global.Umask)
		}
		c.Global.Umask = &old
	}
}

// TestKeepalived_Flags: every flag of keepalived 2.2.7 is understood; the file
// is one with a remark.
func TestKeepalived_Flags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(file, []byte(instance+"foo 1\n}\ninclude none*.conf\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]int{
		"-P -C -B --all -l -D -S 3 -G -u 022 -X -V -I -R -n -d -p /p -r /r -c /c -a -b /b -x -A /a -s ns -m -M -i id": 5,
		"-S local3 -Mcore.%p -g/tmp/log --flush-log-file --core-dump-pattern=x --log-file=/l":                         5,
		"-e": 2, "--all-config": 2, "-u x": 2, "--umask 07777": 2, "-Z": 2,
	} {
		if got := asKeepalived(append([]string{"-t", "-f", file}, strings.Fields(args)...)); got != want {
			t.Errorf("%s: exit code %d, want %d", args, got, want)
		}
	}
}

// TestKeepalived_StalePID: a recycled process id is no running daemon.
func TestKeepalived_StalePID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if runs(file) {
		t.Error("a file that is not there names a daemon")
	}
	if err := os.WriteFile(file, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if runs(file) {
		t.Error("process 1 is taken for a daemon")
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		t.Fatal(err)
	}
	if runs(file) {
		t.Error("this process, which was another binary before an upgrade, is taken for another daemon")
	}
	other := exec.Command("sh", "-c", "printf vipd-x >/proc/self/comm; sleep 60")
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-other.Process.Pid, syscall.SIGKILL) // it may have ended
		_ = other.Wait()
	}()
	if err := os.WriteFile(file, []byte(strconv.Itoa(other.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !runs(file); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a process whose name begins with vipd is not taken for a daemon")
		}
	}
}

func TestKeepalived_DetachedArguments(t *testing.T) {
	for _, args := range [][]string{{"vipd", "keepalived", "-D", "-f", "x"}, {"/usr/sbin/keepalived", "-D", "-f", "x"}} {
		if diff := cmp.Diff([]string{"-D", "-f", "x"}, keepalivedArgs(args)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", args, diff)
		}
	}
}
