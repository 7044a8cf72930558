package system

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// Every process of the master dies at once: its kernel takes the VIP away when
// the lease ends, and a restart brings it back without lasting double
// ownership.
func TestKilledDirector(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	if in := p.instance(v1); in.Lease != "heal" || in.LeaseTime != lease {
		t.Errorf("lease of two directors: %s, %v, want heal, %v", in.Lease, in.LeaseTime, lease)
	}
	killed := time.Now()
	v1.Kill()
	took := p.ownedBy(p.lb2, lease+slack)
	if n := p.zeros(p.lb1, killed); n > 0 {
		t.Errorf("a killed director sent %d adverts with priority 0", n)
	}
	spans := p.owners.Spans(p.lb2)
	gained := spans[len(spans)-1].Start.Sub(killed)
	if gained > takeover {
		t.Errorf("the backup had the VIP after %v, want at most %v", gained, takeover)
	}
	t.Logf("backup after %v, the dead one's VIP gone after %v", gained, took)

	overlap := p.owners.Overlap()
	p.lb1.Vipd(config())
	p.ownedBy(p.lb1, takeover)
	p.steady(p.lb1, 5*interval)
	if p.owners.Overlap() > max(overlap, slack) {
		t.Errorf("both had the VIP for %v after the restart", p.owners.Overlap())
	}
}

// Killed and restarted within the lease: the VIP it left behind does not make
// it master; after the election exactly one has it.
func TestSafety_4_2_KilledDirectorRestartsWithinLease(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	v1.Kill()
	v1 = p.lb1.Vipd(config())
	if in := p.instance(v1); in.State == vrrp.StateMaster && in.LastReason == vrrp.ReasonResumed {
		t.Error("a fresh start resumed as master")
	}
	p.state(v1, vrrp.StateMaster)
	p.ownedBy(p.lb1, takeover)
	p.steady(p.lb1, lease)
	if n := p.owners.Overlap(); n > takeover {
		t.Errorf("both had the VIP for %v", n)
	}
}

// A strict lease ends before the backup takes over: whether the master is
// killed or frozen, the VIP is on nobody for a moment and never on two.
func TestStrictLease(t *testing.T) {
	for name, fault := range map[string]func(*testing.T, *lab.Vipd){
		"killed": func(_ *testing.T, v *lab.Vipd) { v.Kill() },
		"frozen": freeze,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			hcl := strings.Replace(config(`lease = "strict"`), interval.String(), "1s", 1)
			v1 := p.lb1.Vipd(hcl)
			p.ownedBy(p.lb1, settle)
			v2 := p.lb2.Vipd(hcl)
			p.state(v2, vrrp.StateBackup)
			if in := p.instance(v1); in.Lease != "strict" || in.LeaseTime >= 3*time.Second {
				t.Errorf("lease %s, %v, want strict and less than the three intervals a backup waits", in.Lease, in.LeaseTime)
			}
			fault(t, v1)
			p.ownedBy(p.lb2, 4*time.Second+slack)
			if n := p.owners.Overlap(); n > 0 {
				t.Errorf("both had the VIP for %v", n)
			}
		})
	}
}

// role is the process of a role, "router" or "checker".
func (p *pair) role(v *lab.Vipd, name string) int {
	p.t.Helper()
	for _, r := range p.status(v).Roles {
		if r.Name == name && r.Running && r.PID != v.PID() && slices.Contains(v.Tree(), r.PID) {
			return r.PID
		}
	}
	p.t.Fatalf("%s runs no %s of its own", v.Host.Name, name)
	return 0
}

// spare is the process that waits for the death of a daemon's router role.
func (p *pair) spare(v *lab.Vipd) (pid int) {
	p.t.Helper()
	lab.WaitFor(p.t, v.Host.Name+" has a spare router role", settle, func() error {
		for _, r := range p.status(v).Roles {
			if r.Spare > 0 {
				pid = r.Spare
				return nil
			}
		}
		return errProcesses(nil)
	})
	return pid
}

// A role dies alone: its supervisor starts it again, the VIP never leaves and
// the backup stays one.
func TestSafety_4_1_KilledRole(t *testing.T) {
	for _, name := range []string{"router", "checker"} {
		for _, every := range []time.Duration{interval, time.Second} {
			t.Run(name+" at "+every.String(), func(t *testing.T) { killedRole(t, name, every) })
		}
	}
}

func killedRole(t *testing.T, name string, every time.Duration) {
	p := newPair(t)
	hcl := strings.Replace(config(), interval.String(), every.String(), 1)
	v1, v2 := p.lb1.Vipd(hcl), p.lb2.Vipd(hcl)
	p.ownedBy(p.lb1, settle)
	backup := p.instance(v2)
	old, spare := p.role(v1, name), 0
	if name == "router" {
		spare = p.spare(v1)
	}
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.steady(p.lb1, 5*every)
	p.state(v1, vrrp.StateMaster)
	now := p.role(v1, name)
	if now == old {
		t.Errorf("%s is still process %d", name, now)
	}
	if spare > 0 && (now != spare || p.spare(v1) == spare) {
		t.Errorf("%s is process %d now, %d was ready to replace it", name, now, spare)
	}
	p.unmoved(v2, backup)
	if n := len(p.owners.Spans(p.lb1)); n != 1 {
		t.Errorf("the VIP came to lb1 %d times, want once", n)
	}
	if n := p.zeros(p.lb1, time.Time{}); n > 0 {
		t.Errorf("lb1 said good-bye %d times", n)
	}
}

// vanished waits until nothing is left of a daemon.
func (p *pair) vanished(v *lab.Vipd) {
	p.t.Helper()
	lab.WaitFor(p.t, "all processes have ended", slack, func() error {
		if tree := v.Tree(); len(tree) > 0 {
			return errProcesses(tree)
		}
		return nil
	})
}

// Without its supervisor no role may go on.
func TestKilledSupervisor(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	killed := time.Now()
	v1.Signal(syscall.SIGKILL)
	p.ownedBy(p.lb2, lease+slack)
	p.vanished(v1)
	if late := p.wire.Adverts(p.lb1, killed.Add(slack)); len(late) > 0 {
		t.Errorf("%d adverts of lb1 without its supervisor", len(late))
	}
}

// freeze stops every process of a daemon.
func freeze(t *testing.T, v *lab.Vipd) { signalAll(t, v, syscall.SIGSTOP) }

func signalAll(t *testing.T, v *lab.Vipd, sig syscall.Signal) {
	t.Helper()
	for _, pid := range v.Tree() {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
}

// A frozen master loses its VIP as a dead one does, and must not behave as the
// master that it believes to be when it thaws.
func TestSafety_4_3_FrozenDirector(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	freeze(t, v1)
	p.ownedBy(p.lb2, lease+slack)
	before := len(p.owners.Spans(p.lb2))
	signalAll(t, v1, syscall.SIGCONT)
	// lb1 is the better one: it may preempt, after listening.
	p.ownedBy(p.lb1, takeover)
	p.steady(p.lb1, 10*interval)
	p.state(v2, vrrp.StateBackup)
	if n := len(p.owners.Spans(p.lb2)); n != before {
		t.Errorf("the VIP came to lb2 %d times, want %d", n, before)
	}
	if in := p.state(v1, vrrp.StateMaster); in.Counters.BecameMaster < 2 {
		t.Errorf("lb1 became master %d times: it never noticed that it had slept", in.Counters.BecameMaster)
	}
}

// Frozen beyond the master-down interval, and thawed before or after its lease
// has ended: what it held is not put back, it listens and says nothing beside
// the master that there is now, and one director has the VIP.
func TestSafety_4_3_ThawedDirectorListens(t *testing.T) {
	for name, afterLease := range map[string]bool{"within its lease": false, "after its lease": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			hcl := config("preempt = false")
			v1 := p.lb1.Vipd(hcl)
			p.ownedBy(p.lb1, settle)
			v2 := p.lb2.Vipd(hcl)
			p.state(v2, vrrp.StateBackup)

			frozen := time.Now()
			freeze(t, v1)
			p.state(v2, vrrp.StateMaster)
			time.Sleep(10 * interval) // far longer than it would wait for a master itself
			if afterLease {
				p.ownedBy(p.lb2, lease+slack)
				if took := p.owners.Spans(p.lb1)[0].End.Sub(frozen); took > lease+slack {
					t.Errorf("its VIP went after %v, its lease is %v", took, lease)
				}
			} else if !p.lb1.Holds(addr(vip)) {
				t.Error("its VIP went before its lease has ended")
			}
			thawed := time.Now()
			signalAll(t, v1, syscall.SIGCONT)
			p.ownedBy(p.lb2, slack)
			p.state(v1, vrrp.StateBackup)
			p.steady(p.lb2, 10*interval)
			if said := p.wire.Adverts(p.lb1, thawed); len(said) > 0 {
				t.Errorf("thawed, it sent %d adverts", len(said))
			}
			if n := len(p.owners.Spans(p.lb1)); n != 1 {
				t.Errorf("the VIP came to it %d times, want once", n)
			}
			p.state(v2, vrrp.StateMaster)
		})
	}
}
