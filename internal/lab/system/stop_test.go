package system

import (
	"errors"
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

type errProcesses []int

func (e errProcesses) Error() string { return fmt.Sprintf("processes %v live", []int(e)) }

// SIGTERM and SIGINT: priority 0, VIP gone, exit 0, within the bound.
func TestStop(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, args := range [][]string{nil, {"--one-process"}} {
			t.Run(fmt.Sprint(sig, args), func(t *testing.T) {
				p := newPair(t)
				v := p.lb1.Vipd(config(), args...)
				p.ownedBy(p.lb1, settle)
				p.instance(v)
				stopped := time.Now()
				v.Signal(sig)
				if status, err := v.Wait(bound); status != 0 || err != nil {
					t.Errorf("exit status %d, %v", status, err)
				}
				if p.lb1.Holds(addr(vip)) {
					t.Error("the VIP stayed behind")
				}
				p.goodbye(p.lb1, stopped)
				p.vanished(v)
				if _, err := os.Stat(filepath.Join(v.Runtime, "vipd.sock")); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("control socket: %v", err)
				}
			})
		}
	}
}

// A terminal or systemd signals every process at once: the roles leave the
// decision to their supervisor.
func TestSafety_2_7_StopSignalsEverybody(t *testing.T) {
	p := newPair(t)
	v := p.lb1.Vipd(config())
	p.ownedBy(p.lb1, settle)
	p.instance(v)
	p.guard(v)
	p.spare(v) // all processes are there, and those that started them gone
	stopped := time.Now()
	for _, pid := range v.Tree() {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if status, err := v.Wait(bound); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	if p.lb1.Holds(addr(vip)) {
		t.Error("the VIP stayed behind")
	}
	p.goodbye(p.lb1, stopped)
}

// The roles alone ignore the signals of a stop and of a reload.
func TestSafety_2_7_RolesIgnoreSignals(t *testing.T) {
	p := newPair(t)
	v, _ := p.start()
	before := p.instance(v)
	roles := []int{p.role(v, "router"), p.role(v, "checker")}
	for _, pid := range roles {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			if err := syscall.Kill(pid, sig); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.steady(p.lb1, 5*interval)
	p.unmoved(v, before)
	if r, c := p.role(v, "router"), p.role(v, "checker"); r != roles[0] || c != roles[1] {
		t.Errorf("roles are %d and %d now, were %v", r, c, roles)
	}
}

// A second daemon on the same runtime directory must not start.
func TestSecondDaemonIsRefused(t *testing.T) {
	p := newPair(t)
	v, _ := p.start()
	before := p.instance(v)
	second := p.lb1.Vipd(config())
	if status, err := second.Wait(slack); status == 0 || err != nil {
		t.Errorf("second daemon: exit status %d, %v", status, err)
	}
	p.steady(p.lb1, 5*interval)
	p.unmoved(v, before)
}

// Another daemon of the host runs the virtual router, the likeliest mistake of a
// migration: the instance stays in fault and says why. Another virtual router
// of the interface is not concerned; doctor says the same.
func TestKeepalived_OnTheSameHost(t *testing.T) {
	lab.Need(t, lab.Root, lab.Tool("keepalived"))
	p := newPair(t)
	ka := p.lb1.Keepalived(`global_defs {
  vrrp_version 3
}
vrrp_instance web {
  interface eth0
  virtual_router_id 51
  priority 100
  advert_int 0.1
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`)
	p.ownedBy(p.lb1, settle)
	v := p.lb1.Vipd(config() + strings.NewReplacer(`"web"`, `"other"`, "vrid            = 51", "vrid = 52", vip, "192.0.2.101").Replace(config()[len(directors):]))
	lab.WaitFor(t, "the router that nobody runs is master", settle, func() error {
		for _, in := range p.status(v).Instances {
			if in.Name == "other" && in.State == vrrp.StateMaster {
				return nil
			}
		}
		return errors.New("it is not")
	})
	for _, in := range p.status(v).Instances {
		if in.Name == "web" && (in.State != vrrp.StateFault || in.LastReason != vrrp.ReasonOtherDaemon) {
			t.Errorf("%v because of %v (%s)", in.State, in.LastReason, in.LastDetail)
		}
	}
	said, _ := p.lb1.Run(lab.Binary(t), "doctor", "-f", v.Config, "--director", "lb1") // its exit status is that of the machine
	if !strings.Contains(said, "runs virtual router 51 on eth0: keepalived") || strings.Contains(said, "virtual router 52") {
		t.Errorf("doctor says:\n%s", said)
	}
	p.steady(p.lb1, 10*interval)
	if !ka.Running() {
		t.Error("keepalived ended")
	}
	v.Signal(syscall.SIGTERM)
	if status, err := v.Wait(slack); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	if !p.lb1.Holds(addr(vip)) {
		t.Error("stopping vipd removed keepalived's VIP")
	}
}
