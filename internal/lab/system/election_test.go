package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// vipctl runs a command of vipd's command line against a daemon.
func vipctl(t *testing.T, v *lab.Vipd, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(lab.Binary(t), append(args, "--runtime-dir", v.Runtime)...).CombinedOutput()
	return string(out), err
}

// stop ends a daemon and waits until it has.
func stop(t *testing.T, v *lab.Vipd) {
	t.Helper()
	v.Signal(syscall.SIGTERM)
	if code, err := v.Wait(settle); code != 0 || err != nil {
		t.Fatalf("vipd ends with %d: %v", code, err)
	}
}

// script writes a program for the daemons to run. The way to it is safe.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// A script that fails costs priority; the other director takes over and gives
// back when it recovers. explain tells why and what would change it.
func TestTrackedScriptMovesTheAddress(t *testing.T) {
	p := newPair(t)
	flag := filepath.Join(t.TempDir(), "broken")
	chk := script(t, "echo checked; test ! -e "+flag)
	tracked := config(`track "script" "chk" { weight = -60 }`) +
		fmt.Sprintf("track_script \"chk\" {\n  command  = [%q]\n  interval = \"100ms\"\n}\n", chk)
	v1 := p.lb1.Vipd(tracked)
	p.lb2.Vipd(config())
	p.ownedBy(p.lb1, settle)

	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.ownedBy(p.lb2, settle)
	in := p.instance(v1)
	if in.Priority != 90 || in.BasePriority != 150 {
		t.Errorf("priority %d of %d", in.Priority, in.BasePriority)
	}
	out, err := vipctl(t, v1, "explain", "web")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"backup because 192.0.2.2 is master with priority 100 > 90", "150 -60 script chk = 90",
		"would take over if script chk recovered (150 > 100)", "script chk is down", "| checked", "exit status 1",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("explain does not say %q:\n%s", want, out)
		}
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	p.ownedBy(p.lb1, settle)
}

// The last verdicts stand while the supervisor, which observes, cannot run: what
// recovers counts when it is back.
func TestVerdictsStandWithoutTheSupervisor(t *testing.T) {
	p := newPair(t)
	flag := filepath.Join(t.TempDir(), "broken")
	v1 := p.lb1.Vipd(config(`track "script" "chk" { weight = -60 }`) +
		fmt.Sprintf("track_script \"chk\" {\n  command  = [%q]\n  interval = \"100ms\"\n}\n", script(t, "test ! -e "+flag)))
	p.lb2.Vipd(config())
	p.ownedBy(p.lb1, settle)
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.ownedBy(p.lb2, settle)
	v1.Signal(syscall.SIGSTOP)
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	p.steady(p.lb2, 2*time.Second)
	v1.Signal(syscall.SIGCONT)
	p.ownedBy(p.lb1, settle)
}

// standby hands over without a gap, outlives a restart, and active takes back.
func TestStandbyAndActive(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	if out, err := vipctl(t, v1, "standby", "web", "--reason", "new disk"); err != nil || !strings.Contains(out, "new disk") {
		t.Fatalf("%v: %s", err, out)
	}
	p.ownedBy(p.lb2, settle)
	if in := p.state(v1, vrrp.StateBackup); in.LastReason != vrrp.ReasonStandby || in.Standby == nil {
		t.Errorf("%v, standby %v", in.LastReason, in.Standby)
	}
	stop(t, v1)
	v1 = p.lb1.Vipd(config())
	p.state(v1, vrrp.StateBackup)
	p.steady(p.lb2, 2*time.Second)
	if st := p.status(v1); len(st.Standby) != 1 || st.Standby[0].Reason != "new disk" {
		t.Errorf("orders after the restart: %+v", st.Standby)
	}
	if out, err := vipctl(t, v1, "active", "web"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.ownedBy(p.lb1, settle)
	p.state(v2, vrrp.StateBackup)
}

// Without a successor the address stays; an order ends by itself.
func TestStandbyAlone(t *testing.T) {
	p := newPair(t)
	v1 := p.lb1.Vipd(config())
	p.ownedBy(p.lb1, settle)
	if out, err := vipctl(t, v1, "standby", "--all", "--for", "3s"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.steady(p.lb1, 2*time.Second)
	lab.WaitFor(t, "the order ends", settle, func() error {
		if in := p.instance(v1); in.Standby != nil || in.Priority != 150 {
			return fmt.Errorf("standby %v, priority %d", in.Standby, in.Priority)
		}
		return nil
	})
	if out, err := vipctl(t, v1, "standby", "nobody"); err == nil {
		t.Errorf("an unknown instance is accepted: %s", out)
	}
}

// Programs and the pipe hear of every change, in order, to the last one.
func TestNotifications(t *testing.T) {
	p := newPair(t)
	dir := t.TempDir()
	out, fifo := filepath.Join(dir, "out"), filepath.Join(dir, "fifo")
	tell := script(t, `echo "$* $VIPD_REASON" >> `+out)
	v1 := p.lb1.Vipd("global { notify_fifo = \"" + fifo + "\" }\n" + config(fmt.Sprintf("notify {\n    master = [%q, \"mine\"]\n    any = [%q]\n  }", tell, tell)))
	p.ownedBy(p.lb1, settle)
	stop(t, v1)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := "INSTANCE web BACKUP 150 startup\nmine master_down\nINSTANCE web MASTER 150 master_down\nINSTANCE web STOP 150 stop\n"
	if string(text) != want {
		t.Errorf("programs ran as\n%swant\n%s", text, want)
	}
}

// The fault of one member of a group takes the other one along.
func TestSyncGroupMovesTogether(t *testing.T) {
	p := newPair(t)
	inside := strings.NewReplacer(`"web"`, `"inside"`, "51", "52", vip, "192.0.2.101").Replace(strings.TrimPrefix(config(`track "interface" "eth1" {}`), directors))
	group := config() + inside + "vrrp_sync_group \"edge\" { members = [\"web\", \"inside\"] }\n"
	p.net.Bridge("back", "198.51.100.0/24")
	back := p.lb1.Attach("back", "198.51.100.1/24")
	p.lb2.Attach("back", "198.51.100.2/24")
	v1, v2 := p.lb1.Vipd(group), p.lb2.Vipd(group)
	p.ownedBy(p.lb1, settle)
	p.lb1.LinkDown(back)
	p.ownedBy(p.lb2, settle)
	states := func(v *lab.Vipd, want vrrp.State) {
		t.Helper()
		lab.WaitFor(t, "both members are "+want.String(), settle, func() error {
			for _, in := range p.status(v).Instances {
				if in.State != want {
					return fmt.Errorf("%s is %v (%v %s)", in.Name, in.State, in.LastReason, in.LastDetail)
				}
			}
			return nil
		})
	}
	states(v1, vrrp.StateFault)
	states(v2, vrrp.StateMaster)
	p.lb1.LinkUp(back)
	p.ownedBy(p.lb1, settle)
	states(v1, vrrp.StateMaster)
	states(v2, vrrp.StateBackup)
}

// explain in JSON is what the text is made of.
func TestExplainJSON(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	out, err := vipctl(t, v1, "explain", "web", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var x api.Explain
	if err := json.Unmarshal([]byte(out), &x); err != nil {
		t.Fatal(err)
	}
	if len(x.Routers) != 1 || x.Routers[0].Status.State != vrrp.StateMaster || len(x.Routers[0].Status.Past) != 2 {
		t.Errorf("%s", out)
	}
	if _, err := vipctl(t, v1, "explain", "nobody"); err == nil {
		t.Error(errors.New("an unknown instance is explained"))
	}
}
