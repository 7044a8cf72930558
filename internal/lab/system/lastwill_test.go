package system

import (
	"errors"
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

// guard is the process that watches over a daemon.
func (p *pair) guard(v *lab.Vipd) (guard int) {
	p.t.Helper()
	lab.WaitFor(p.t, v.Host.Name+" has a guard", settle, func() error {
		all := v.Guards()
		if len(all) != 1 {
			return errProcesses(all)
		}
		guard = all[0]
		return nil
	})
	return guard
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
	v1.Kill()
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
	v1.KillBut(guard)
	if took := p.gained(killed); took > early {
		t.Errorf("lb2 had the VIP after %v", took)
	}
	p.goodbye(p.lb1, killed)
	p.vanished(v1)
}

// A router role that dies again and again, each time as master. After the pauses
// of 0, 0.1 and 1 s it is back before a backup gives up, and nobody notices. Before
// the one of 5 s its supervisor says good-bye for it.
func TestSafety_5_5_CrashLoop(t *testing.T) {
	const inTime = 3 // deaths
	p := newPair(t)
	v1, v2 := p.lb1.Vipd(slowly()), p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	backup := p.state(v2, vrrp.StateBackup)
	began, dead := time.Now(), 0
	for n := range inTime + 1 {
		pid := p.masterBut(v1, dead)
		if n == inTime {
			if said := p.zeros(p.lb1, began); said > 0 {
				t.Errorf("lb1 said good-bye %d times although it was back", said)
			}
			p.unmoved(v2, backup)
			began = time.Now()
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		dead = pid
	}
	if took := p.gained(began); took > early {
		t.Errorf("lb2 had the VIP after %v", took)
	}
	p.goodbye(p.lb1, began)
}

// masterBut waits until a router role that is not the given process is master,
// and returns its process.
func (p *pair) masterBut(v *lab.Vipd, dead int) (pid int) {
	p.t.Helper()
	lab.WaitFor(p.t, v.Host.Name+" is master again", settle, func() error {
		st := p.status(v)
		if len(st.Instances) != 1 || st.Instances[0].State != vrrp.StateMaster {
			return errors.New("it is not")
		}
		for _, r := range st.Roles {
			if r.Name == "router" && r.Running && r.PID != dead {
				pid = r.PID
				return nil
			}
		}
		return errProcesses{dead}
	})
	return pid
}
