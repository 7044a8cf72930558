package system

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// slowly is config with adverts every second.
func slowly() string { return strings.Replace(config(), interval.String(), "1s", 1) }

// release runs `vipd release` beside a daemon, living or dead.
func (p *pair) release(v *lab.Vipd, env ...string) (string, error) {
	p.t.Helper()
	args := append(env, lab.Binary(p.t), "release", "--runtime-dir", v.Runtime)
	return v.Host.Run("env", args...)
}

// guard is the process that watches over a daemon, the only one that does not
// descend from it.
func (p *pair) guard(v *lab.Vipd) int {
	p.t.Helper()
	roles := []int{v.PID(), p.role(v, "router"), p.role(v, "checker")}
	for _, pid := range v.Tree() {
		if pid != roles[0] && pid != roles[1] && pid != roles[2] {
			return pid
		}
	}
	p.t.Fatalf("%s has no guard", v.Host.Name)
	return 0
}

// killAll ends every process of a daemon at once; the guard too, unless spared.
func (p *pair) killAll(v *lab.Vipd, spare int) {
	p.t.Helper()
	tree := v.Tree()
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, pid := range tree {
			if pid != spare {
				_ = syscall.Kill(pid, sig)
			}
		}
	}
	lab.WaitFor(p.t, "all processes have ended", slack, func() error {
		if left := slices.DeleteFunc(v.Tree(), func(pid int) bool { return pid == spare }); len(left) > 0 {
			return errProcesses(left)
		}
		return nil
	})
}

// early is sooner than the master-down interval of lb2 (3 s + skew) after an
// advert that may be a second old: without priority 0 it cannot have the VIP.
const early = 1900 * time.Millisecond

// gained is when lb2 got the VIP.
func (p *pair) gained(since time.Time) time.Duration {
	p.t.Helper()
	lab.WaitFor(p.t, "lb2 has the VIP", settle, func() error { return p.owners.Only(p.lb2) })
	spans := p.owners.Spans(p.lb2)
	return spans[len(spans)-1].Start.Sub(since)
}

// Everything is killed; what the unit runs afterwards hands over.
func TestSafety_5_7_Release(t *testing.T) {
	p := newPair(t)
	v1 := p.lb1.Vipd(slowly())
	v2 := p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	p.state(v2, vrrp.StateBackup)
	killed := time.Now()
	p.killAll(v1, 0)
	if out, err := p.release(v1, "SERVICE_RESULT=signal"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if took := p.gained(killed); took > early {
		t.Errorf("lb2 had the VIP after %v", took)
	} else {
		t.Logf("lb2 had the VIP after %v", took)
	}
	if p.lb1.Holds(addr(vip)) {
		t.Error("lb1 still has the VIP")
	}
	if n := p.zeros(p.lb1, killed); n != 2 {
		t.Errorf("%d adverts with priority 0, want 2", n)
	}
	again := time.Now()
	if out, err := p.release(v1); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := len(p.wire.Adverts(p.lb1, again)); n > 0 {
		t.Errorf("the second release sent %d adverts", n)
	}
}

// Everything but the guard is killed: no service manager is needed.
func TestSafety_5_7_Guard(t *testing.T) {
	p := newPair(t)
	v1 := p.lb1.Vipd(slowly())
	v2 := p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	p.state(v2, vrrp.StateBackup)
	guard := p.guard(v1)
	killed := time.Now()
	p.killAll(v1, guard)
	if took := p.gained(killed); took > early {
		t.Errorf("lb2 had the VIP after %v", took)
	}
	p.goodbye(p.lb1, killed)
	p.vanished(v1)
}

// A router role that dies again and again: its supervisor says good-bye for it
// while it backs off.
func TestSafety_5_5_CrashLoop(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	began := time.Now()
	lab.WaitFor(t, "lb1 says good-bye", takeover, func() error {
		for _, r := range p.status(v1).Roles {
			if r.Name == "router" && r.Running {
				_ = syscall.Kill(r.PID, syscall.SIGKILL)
			}
		}
		if p.zeros(p.lb1, began) == 0 {
			return errors.New("no advert with priority 0")
		}
		return nil
	})
	if took := p.gained(began); took > takeover {
		t.Errorf("lb2 had the VIP after %v", took)
	}
}
