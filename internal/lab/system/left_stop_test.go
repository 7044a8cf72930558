package system

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// A router role that hangs leaves no address behind at a stop: its supervisor
// removes them, and where something keeps it from that the exit status tells and
// the guard removes them as soon as it can. No lease helps here.
func TestSafety_2_10_StopOfAFrozenRouter(t *testing.T) {
	begin := func(t *testing.T) (*pair, *lab.Vipd) {
		p := newPair(t)
		v := p.lb1.Vipd(config(`lease = "off"`))
		p.ownedBy(p.lb1, settle)
		p.instance(v)
		p.guard(v)
		if err := syscall.Kill(p.role(v, "router"), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		return p, v
	}
	says := func(t *testing.T, v *lab.Vipd, what string) {
		t.Helper()
		if !strings.Contains(v.Log(), what) {
			t.Errorf("the log has no %q:\n%s", what, v.Log())
		}
	}
	t.Run("removed by another", func(t *testing.T) {
		p, v := begin(t)
		v.Signal(syscall.SIGTERM)
		if status, err := v.Wait(unitPatience); status != 0 || err != nil {
			t.Errorf("exit status %d, %v", status, err)
		}
		if p.lb1.Holds(addr(vip)) {
			t.Error("the VIP stayed behind")
		}
		says(t, v, "the router role has left "+vip+"/24 on eth0")
		says(t, v, "what the router role had left is removed")
		p.vanished(v)
	})
	t.Run("held up", func(t *testing.T) {
		p, v := begin(t)
		guard := p.guard(v)
		if err := syscall.Kill(guard, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		// Without it nobody knows in which network the addresses are.
		known := filepath.Join(v.Runtime, "routers.json")
		if err := os.Rename(known, known+".away"); err != nil {
			t.Fatal(err)
		}
		v.Signal(syscall.SIGTERM)
		if status, err := v.Wait(unitPatience); status != 1 || err != nil {
			t.Errorf("exit status %d, %v", status, err)
		}
		if !p.lb1.Holds(addr(vip)) {
			t.Error("the VIP is gone: nothing held the stop up")
		}
		says(t, v, vip+"/24 on eth0 may be left")
		if err := os.Rename(known+".away", known); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(guard, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		lab.WaitFor(t, "the guard has removed the VIP", settle, func() error {
			if p.lb1.Holds(addr(vip)) {
				return errors.New("it is there")
			}
			return nil
		})
	})
}
