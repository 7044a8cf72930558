package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// harmless checks that lb1 keeps the VIP and says no good-bye, whatever is done
// with its last will.
func harmless(t *testing.T, attempts map[string]func(p *pair, v1 *lab.Vipd)) {
	for name, attempt := range attempts {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			v1 := p.lb1.Vipd(slowly())
			p.lb2.Vipd(slowly())
			p.ownedBy(p.lb1, settle)
			p.instance(v1)
			attempt(p, v1)
			p.steady(p.lb1, time.Second)
			if n := p.zeros(p.lb1, time.Time{}); n > 0 {
				t.Errorf("%d adverts with priority 0", n)
			}
		})
	}
}

// As long as a process of the daemon lives, or its supervisor is about to
// start one, it speaks for itself. Its locks tell, not its pid file.
func TestSafety_5_1_ReleaseBesideTheLiving(t *testing.T) {
	harmless(t, map[string]func(p *pair, v1 *lab.Vipd){
		"while vipd runs": func(p *pair, v1 *lab.Vipd) {
			if _, err := p.release(v1); err == nil {
				p.t.Error("release beside a living daemon reports success")
			}
		},
		"while the supervisor is frozen": func(p *pair, v1 *lab.Vipd) {
			v1.Signal(syscall.SIGSTOP)
			_, _ = p.release(v1)
			v1.Signal(syscall.SIGCONT)
		},
		"between two lives of the router role": func(p *pair, v1 *lab.Vipd) {
			_ = syscall.Kill(p.role(v1, "router"), syscall.SIGKILL)
			_, _ = p.release(v1)
		},
		"with a pid file that names nobody": func(p *pair, v1 *lab.Vipd) {
			pidFile(p.t, v1, "4194305\n") // above every process id (PID_MAX_LIMIT)
			_, _ = p.release(v1)
		},
		"as its guard, for another process id": func(p *pair, v1 *lab.Vipd) {
			guard := p.lb1.Start(lab.Binary(p.t), "guard", "--runtime-dir", v1.Runtime, "1")
			lab.Steady(p.t, "it waits", 300*time.Millisecond, func() error {
				if !guard.Running() {
					return errors.New("it ended")
				}
				return nil
			})
		},
	})
}

// pidFile writes what a daemon's pid file is to say.
func pidFile(t *testing.T, v *lab.Vipd, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(v.Runtime, "vipd.pid"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A process id in the file of a dead daemon that belongs to somebody else by now
// keeps neither its last will nor its next start back.
func TestSafety_5_1_ReusedProcessID(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.lb1.Vipd(slowly()), p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	p.state(v2, vrrp.StateBackup)
	killed := time.Now()
	v1.Kill()
	pidFile(t, v1, fmt.Sprintln(os.Getpid()))
	if out, err := p.release(v1); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.goodbye(p.lb1, killed)
	p.ownedBy(p.lb2, settle)
	pidFile(t, v1, fmt.Sprintln(os.Getpid()))
	p.instance(p.lb1.Vipd(slowly()))
}

// A router role that lives without its supervisor speaks for itself: release
// says nothing meanwhile, and what is left to say once it has gone. A unit that
// is killed by its watchdog depends on that.
func TestSafety_5_1_ReleaseWhileARouterRoleLives(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.lb1.Vipd(slowly()), p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	p.state(v2, vrrp.StateBackup)
	v1.Kill()
	killed := time.Now()
	lock := filepath.Join(v1.Runtime, "router.lock")
	role := p.lb1.Start("flock", lock, "sleep", "60")
	lab.WaitFor(t, "the lock is taken", slack, func() error {
		if len(role.Tree()) < 2 {
			return errors.New("no")
		}
		return nil
	})
	released := make(chan error, 1)
	go func() {
		_, err := p.release(v1)
		released <- err
	}()
	lab.Steady(t, "release waits", 500*time.Millisecond, func() error {
		if len(released) > 0 || p.zeros(p.lb1, killed) > 0 {
			return errors.New("it spoke for a living role")
		}
		return nil
	})
	role.Kill()
	if err := <-released; err != nil {
		t.Error(err)
	}
	p.goodbye(p.lb1, killed)
	p.ownedBy(p.lb2, takeover)
}

// Several that carry out a will at once, and one that comes later, say it once.
func TestSafety_5_2_ReleasedOnce(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.lb1.Vipd(slowly()), p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	p.state(v2, vrrp.StateBackup)
	guard, killed := p.guard(v1), time.Now()
	v1.KillBut(guard)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { _, _ = p.release(v1) }) // all but one may say that another one speaks
	}
	all.Wait()
	p.ownedBy(p.lb2, settle)
	p.vanished(v1)
	if out, err := p.release(v1); err != nil {
		t.Errorf("a later one: %v\n%s", err, out)
	}
	if n := p.zeros(p.lb1, killed); n != 2 {
		t.Errorf("%d adverts with priority 0, want 2", n)
	}
}

// What stopped cleanly has no last will, whether it left its addresses or was
// told to keep them; nor has what the service manager calls a success.
func TestSafety_5_2_ReleaseAfterACleanStop(t *testing.T) {
	harmless(t, map[string]func(p *pair, v1 *lab.Vipd){
		"success by the word of systemd": func(p *pair, v1 *lab.Vipd) {
			v1.Kill()
			_, _ = p.release(v1, "SERVICE_RESULT=success")
			p.lb1.Vipd(slowly())
		},
	})
	for name, global := range map[string]string{"left": "", "kept": "global { keep_on_stop = true }\n"} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			hcl := strings.Replace(config(), directors, directors+global, 1)
			v1, v2 := p.lb1.Vipd(hcl), p.lb2.Vipd(hcl)
			p.ownedBy(p.lb1, settle)
			p.state(v2, vrrp.StateBackup)
			v1.Signal(syscall.SIGTERM)
			if status, err := v1.Wait(bound); status != 0 || err != nil {
				t.Fatalf("exit status %d, %v", status, err)
			}
			p.vanished(v1)
			kept, stopped := p.lb1.Holds(addr(vip)), time.Now()
			if out, err := p.release(v1); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if sent := p.wire.Adverts(p.lb1, stopped); len(sent) > 0 || p.lb1.Holds(addr(vip)) != kept {
				t.Errorf("%d adverts; lb1 has the VIP %v, had it %v", len(sent), p.lb1.Holds(addr(vip)), kept)
			}
		})
	}
}

// bequeathed kills everything of lb1, which adverts every second, then makes the
// will stale, runs release, and returns how many good-byes were said.
func (p *pair) bequeathed(spoil func(v1, v2 *lab.Vipd)) int {
	p.t.Helper()
	v1, v2 := p.lb1.Vipd(slowly()), p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	p.state(v2, vrrp.StateBackup)
	killed := time.Now()
	v1.Kill()
	spoil(v1, v2)
	out, err := p.release(v1)
	p.t.Logf("release: %v %s", err, out)
	return p.zeros(p.lb1, killed)
}

// A will is of this boot, of a master, and of moments ago.
func TestSafety_5_3_StaleWill(t *testing.T) {
	t.Run("when the backup has taken over", func(t *testing.T) {
		p := newPair(t)
		n := p.bequeathed(func(v1, v2 *lab.Vipd) { p.state(v2, vrrp.StateMaster) })
		if n > 0 {
			t.Errorf("%d adverts with priority 0", n)
		}
		p.ownedBy(p.lb2, lease+slack)
	})
	t.Run("of another boot", func(t *testing.T) {
		p := newPair(t)
		n := p.bequeathed(func(v1, _ *lab.Vipd) {
			record := filepath.Join(v1.Runtime, "masters")
			b, err := os.ReadFile(record)
			if err != nil {
				t.Fatal(err)
			}
			boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
			if err != nil {
				t.Fatal(err)
			}
			id := strings.TrimSpace(string(boot))
			other := strings.Replace(string(b), id, strings.Map(func(r rune) rune {
				if r == '-' {
					return r
				}
				return '0'
			}, id), 1)
			if err := os.WriteFile(record, []byte(other), 0o644); err != nil || other == string(b) {
				t.Fatalf("change boot id: %v", err)
			}
		})
		if n > 0 {
			t.Errorf("%d adverts with priority 0", n)
		}
	})
	t.Run("of a backup", func(t *testing.T) {
		p := newPair(t)
		_, v2 := p.start()
		killed := time.Now()
		v2.Kill()
		if out, err := p.release(v2); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if n := len(p.wire.Adverts(p.lb2, killed)); n > 0 {
			t.Errorf("%d adverts of a backup that died", n)
		}
		p.steady(p.lb1, 5*interval)
	})
}

// An address that somebody else has put in place of ours is not ours to hand
// over.
func TestSafety_5_4_AddressOfSomebodyElse(t *testing.T) {
	p := newPair(t)
	n := p.bequeathed(func(v1, _ *lab.Vipd) {
		p.lb1.DeleteAddress("eth0", vip+"/24")
		p.lb1.AddAddress("eth0", vip+"/24")
	})
	if n > 0 || !p.lb1.Holds(addr(vip)) {
		t.Errorf("%d adverts with priority 0; lb1 has the address: %v", n, p.lb1.Holds(addr(vip)))
	}
}

// With an address that is gone there is nothing to hand over.
func TestSafety_5_4_AddressIsGone(t *testing.T) {
	p := newPair(t)
	if n := p.bequeathed(func(v1, _ *lab.Vipd) { p.lb1.DeleteAddress("eth0", vip+"/24") }); n > 0 {
		t.Errorf("%d adverts with priority 0", n)
	}
}

// In another network namespace an eth0 with the same address is another
// director: there the will is not even read, and remains for where it belongs.
func TestSafety_5_4_AnotherNamespace(t *testing.T) {
	p := newPair(t)
	p.net.Partition(p.lb1, p.lb2) // both are master
	v1, v2 := p.lb1.Vipd(slowly()), p.lb2.Vipd(slowly())
	p.state(v1, vrrp.StateMaster)
	before := p.state(v2, vrrp.StateMaster)
	killed := time.Now()
	v1.Kill()
	if out, err := p.lb2.Run(lab.Binary(t), "release", "--runtime-dir", v1.Runtime); err == nil || !strings.Contains(out, "another network namespace") {
		t.Errorf("release elsewhere: %v\n%s", err, out)
	}
	p.unmoved(v2, before)
	if n := p.zeros(p.lb1, killed) + p.zeros(p.lb2, killed); n > 0 {
		t.Errorf("%d adverts with priority 0", n)
	}
	if out, err := p.release(v1); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	p.goodbye(p.lb1, killed)
}

// An instance that a reload has removed has left already: the will is that of
// the last configuration.
func TestSafety_5_4_EarlierConfiguration(t *testing.T) {
	p := newPair(t)
	mail := strings.NewReplacer(`"web"`, `"mail"`, "vrid            = 51", "vrid            = 52", vip, "192.0.2.101").Replace(strings.TrimPrefix(slowly(), directors))
	v1, v2 := p.lb1.Vipd(slowly()+mail), p.lb2.Vipd(slowly()+mail)
	p.ownedBy(p.lb1, settle)
	v1.Reload(slowly())
	p.instance(v1)
	lab.WaitFor(t, "lb2 has what lb1 does not want", settle, func() error {
		if p.lb1.Holds(addr("192.0.2.101")) || !p.lb2.Holds(addr("192.0.2.101")) {
			return errors.New("not yet")
		}
		return nil
	})
	p.status(v2)
	killed := time.Now()
	v1.Kill()
	if out, err := p.release(v1); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	p.goodbye(p.lb1, killed)
	for _, a := range p.wire.Adverts(p.lb1, killed) {
		if a.VRID != 51 {
			t.Errorf("advert for router %d", a.VRID)
		}
	}
}

// A supervisor that has its router role back in time needs nobody to speak for
// it.
func TestSafety_5_5_RestartInTime(t *testing.T) {
	harmless(t, map[string]func(p *pair, v1 *lab.Vipd){
		"the router role": func(p *pair, v1 *lab.Vipd) {
			_ = syscall.Kill(p.role(v1, "router"), syscall.SIGKILL)
			_, _ = p.lb1.Run(lab.Binary(p.t), "release", "--runtime-dir", v1.Runtime, "--restart-in", "50ms")
		},
	})
}

// Nobody could take over from a lone director: its address stays, as IPVS and
// NAT go on without a daemon.
func TestSafety_5_5_ReleaseOfALoneDirector(t *testing.T) {
	p := newPair(t)
	alone := strings.Replace(strings.TrimPrefix(config(), directors), "director.priority", "150", 1)
	v1 := p.lb1.Vipd("version = 1\n" + alone)
	p.ownedBy(p.lb1, settle)
	p.instance(v1)
	killed := time.Now()
	v1.Kill()
	if out, err := p.release(v1); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	p.steady(p.lb1, time.Second)
	if n := p.zeros(p.lb1, killed); n > 0 {
		t.Errorf("%d adverts with priority 0", n)
	}
}

// Another director is master already, after a partition: the will of the dead
// one deposes nobody, and its addresses go as soon as the other one is heard.
func TestSafety_5_7_AnotherMaster(t *testing.T) {
	p := newPair(t)
	p.net.Partition(p.lb1, p.lb2)
	v1, v2 := p.lb1.Vipd(slowly()), p.lb2.Vipd(slowly())
	p.state(v1, vrrp.StateMaster)
	before := p.state(v2, vrrp.StateMaster)
	v1.Kill()
	p.net.Heal(p.lb1, p.lb2)
	healed := time.Now()
	if out, err := p.release(v1); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.ownedBy(p.lb2, slack)
	t.Logf("lb2 alone has the VIP after %v", time.Since(healed))
	p.unmoved(v2, before)
}

// A daemon that is started while the guard speaks waits for it and is a backup:
// two transitions, no two masters.
func TestSafety_5_8_RestartDuringTheWill(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	p.state(v2, vrrp.StateBackup)
	guard, killed := p.guard(v1), time.Now()
	v1.KillBut(guard)
	v1 = p.lb1.Vipd(config())
	if in := p.instance(v1); in.LastReason == vrrp.ReasonResumed {
		t.Error("a fresh start resumed as master")
	}
	p.state(v1, vrrp.StateMaster)
	p.ownedBy(p.lb1, takeover)
	p.steady(p.lb1, 5*interval)
	if n := p.zeros(p.lb1, killed); n > 2 {
		t.Errorf("%d adverts with priority 0", n)
	}
	if n := p.owners.Overlap(); n > takeover {
		t.Errorf("both had the VIP for %v", n)
	}
}
