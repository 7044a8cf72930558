package system

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

// watching looks at a director from outside while something happens to it.
type watching struct {
	*pair
	began time.Time
	every time.Duration
	stall *lab.Stall
}

// watch begins to look at lb1, which sends adverts so often.
func (p *pair) watch(every time.Duration) *watching {
	w := &watching{pair: p, began: time.Now(), every: every, stall: lab.WatchStalls()}
	p.t.Cleanup(func() { w.stall.Stop() })
	return w
}

// untroubled checks that lb1 said no good-bye and left out no advert, whatever
// this machine stood still meanwhile. How late they are is measured by the
// matrix of failures: tests share two processors.
func (w *watching) untroubled() {
	w.t.Helper()
	longest, stood := w.wire.Silence(w.began, w.lb1), w.stall.Stop()
	w.t.Logf("longest gap between adverts %v at %v; the machine stood still for %v", longest, w.every, stood)
	if n := w.zeros(w.lb1, w.began); n > 0 {
		w.t.Errorf("%d adverts with priority 0", n)
	}
	if longest > 2*w.every+stood {
		w.t.Errorf("no advert for %v", longest)
	}
}

// refused tries to upgrade lb1 and returns why it was not.
func (p *pair) refused(v *lab.Vipd, binary string) string {
	p.t.Helper()
	out, err := p.lb1.Run(lab.Binary(p.t), "upgrade", "--runtime-dir", v.Runtime, "--binary", binary)
	if err == nil {
		p.t.Errorf("upgrade to %s: %s", binary, out)
		return out
	}
	return out + err.Error()
}

// Binaries that show at once that they cannot take over change nothing, not even
// the processes.
func TestUpgradeIsRefused(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	before, backup := p.instance(v1), p.instance(v2)
	roles := []int{p.role(v1, "router"), p.role(v1, "checker")}
	w := p.watch(interval)
	for _, b := range []string{"/bin/false", "/nowhere/vipd", "/etc", p.foreign(t), p.cutOff(t), p.lb1.Variant("older", `take-over*) echo 'unknown command "take-over"'; exit 2 ;;`)} {
		if why := p.refused(v1, b); !strings.Contains(why, "cannot take over") {
			t.Errorf("%s: %s", b, why)
		}
	}
	p.lb1.WriteFile("vipd.hcl", "nonsense")
	p.refused(v1, lab.Binary(t))
	v1.Signal(syscall.SIGUSR2)
	v1.WaitLog("cannot take over", slack)
	p.steady(p.lb1, 5*interval)
	p.unmoved(v1, before)
	p.unmoved(v2, backup)
	w.untroubled()
	if r, c := p.role(v1, "router"), p.role(v1, "checker"); r != roles[0] || c != roles[1] {
		t.Errorf("roles are %d and %d now, were %v", r, c, roles)
	}
}

// foreign is our binary with the mark of another machine (elf(5), e_machine).
func (p *pair) foreign(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(lab.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	const machine, s390 = 18, 22
	binary.LittleEndian.PutUint16(b[machine:], s390)
	return p.executable("foreign", b)
}

// cutOff is what a copy leaves that did not end.
func (p *pair) cutOff(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(lab.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	return p.executable("cut-off", b[:len(b)/3])
}

func (p *pair) executable(name string, content []byte) string {
	p.t.Helper()
	path := filepath.Join(p.lb1.Dir(), name)
	if err := os.WriteFile(path, content, 0o755); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// A new binary that fails on its way, at whatever point: the old one goes on, or
// takes back what it had given up already. No advert is late, no address moves.
func TestUpgradeFailsOnItsWay(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	before, backup := p.instance(v1), p.instance(v2)
	for _, tt := range []struct{ name, cases, why string }{
		{"checker ends at once", `"role checker") exit 1 ;;`, "checker"},
		{"checker is killed", `"role checker") kill -KILL $$ ;;`, "checker"},
		{"router ends at once", `"role router") exit 1 ;;`, "router"},
		{"router crashes", `"role router") kill -SEGV $$ ;;`, "router"},
		{"supervisor does not know the command line", `run*) exec $real run --no-such-flag ;;`, "exit status"},
		{"supervisor cannot use the files", `run*) exec $real run -f /no/such/file --runtime-dir ` + v1.Runtime + ` --state-dir ` + v1.State + ` ;;`, "no/such/file"},
	} {
		w := p.watch(interval)
		if why := p.refused(v1, p.lb1.Variant("broken", tt.cases)); !strings.Contains(why, "the old binary goes on") || !strings.Contains(why, tt.why) {
			t.Errorf("%s: %s", tt.name, why)
		}
		p.ownRoles(v1)
		p.steady(p.lb1, 3*interval)
		t.Log(tt.name)
		w.untroubled()
	}
	p.unmoved(v1, before)
	p.unmoved(v2, backup)
	if n := len(p.owners.Spans(p.lb1)); n != 1 {
		t.Errorf("the VIP came to lb1 %d times, want once", n)
	}
	stopped := time.Now()
	v1.Signal(syscall.SIGTERM)
	if status, err := v1.Wait(bound); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	p.goodbye(p.lb1, stopped)
	p.vanished(v1)
}

// ownRoles waits until a daemon's roles run the binary that it runs.
func (p *pair) ownRoles(v *lab.Vipd) {
	p.t.Helper()
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", v.PID()))
	if err != nil {
		p.t.Fatal(err)
	}
	lab.WaitFor(p.t, "the roles are the old binary's", settle, func() error {
		var st api.Status
		if err := v.Status(&st); err != nil {
			return err
		}
		for _, r := range st.Roles {
			if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.PID)); !r.Running || exe != own {
				return fmt.Errorf("%s runs %s: %v", r.Name, exe, err)
			}
		}
		return nil
	})
}

// Roles of the new binary that hang are waited for, while the old ones work on,
// and given up.
func TestUpgradeHangs(t *testing.T) {
	for name, cases := range map[string]string{
		"binary":  `take-over*) exec sleep 120 ;;`,
		"checker": `"role checker") exec sleep 120 ;;`,
		"router":  `"role router") exec sleep 120 ;;`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			v1, v2 := p.start()
			before, backup := p.instance(v1), p.instance(v2)
			w := p.watch(interval)
			p.refused(v1, p.lb1.Variant("broken", cases))
			p.ownRoles(v1)
			p.unmoved(v1, before)
			p.unmoved(v2, backup)
			w.untroubled()
		})
	}
}

// A router role of the new binary that is killed at any moment, also after it
// has taken over: whoever is in charge then starts another one in time.
func TestUpgradeDiesAnyTime(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.lb1.Vipd(slowly()), p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	p.instance(v1)
	backup := p.instance(v2)
	began := time.Now()
	for _, after := range []string{"0.01", "0.05", "0.1", "0.3"} {
		b := p.lb1.Variant("broken", `"role router") exec timeout -s KILL `+after+` $real "$@" ;;`)
		out, err := p.lb1.Run(lab.Binary(t), "upgrade", "--runtime-dir", v1.Runtime, "--binary", b)
		t.Logf("killed after %s s: %v %s", after, err, strings.TrimSpace(out))
		p.steady(p.lb1, time.Second)
	}
	p.unmoved(v2, backup)
	if n := p.zeros(p.lb1, began); n > 0 {
		t.Errorf("%d adverts with priority 0", n)
	}
}

// A new supervisor that crashes in the moment between its execution and its
// confirmation cannot go back: that is the crash of a supervisor, and the roles
// hand over.
func TestUpgradeCrashesAfterExecution(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	out, err := p.lb1.Run("timeout", "3", lab.Binary(t), "upgrade", "--runtime-dir", v1.Runtime, "--binary", p.lb1.Variant("broken", `run*) kill -SEGV $$ ;;`))
	t.Logf("%v %s", err, out)
	if v1.Running() {
		t.Fatal("it runs")
	}
	p.ownedBy(p.lb2, slack)
	p.goodbye(p.lb1, time.Time{})
	p.vanished(v1)
	if n := p.owners.Overlap(); n > slack {
		t.Errorf("both had the VIP for %v", n)
	}
}

// In keepalived's place, with its command line and pid files, an upgrade is the
// same.
func TestKeepalived_Upgrade(t *testing.T) {
	p := newPair(t)
	conf := p.lb1.WriteFile("keepalived.conf", `global_defs {
  vrrp_version 3
}
vrrp_instance web {
  interface eth0
  virtual_router_id 51
  priority 150
  advert_int 0.1
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`)
	v := &lab.Vipd{Runtime: filepath.Join(p.lb1.Dir(), "run"), State: filepath.Join(p.lb1.Dir(), "state")}
	args := []string{"keepalived", "--dont-fork", "--use-file", conf, "--runtime-dir", v.Runtime, "--state-dir", v.State}
	for _, f := range []string{"pid", "vrrp_pid", "checkers_pid"} {
		args = append(args, "--"+f, filepath.Join(p.lb1.Dir(), f))
	}
	v.Proc = p.lb1.Start(lab.Binary(t), args...)
	p.ownedBy(p.lb1, settle)
	before, old := p.instance(v), p.role(v, "router")
	w := p.watch(interval)
	if out, err := p.lb1.Run(lab.Binary(t), "upgrade", "--runtime-dir", v.Runtime); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.unmoved(v, before)
	w.untroubled()
	now := p.role(v, "router")
	pid, err := os.ReadFile(filepath.Join(p.lb1.Dir(), "vrrp_pid"))
	if err != nil || now == old || strings.TrimSpace(string(pid)) != fmt.Sprint(now) {
		t.Errorf("the router role is %d, was %d; its pid file says %q, %v", now, old, pid, err)
	}
}
