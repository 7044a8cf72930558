package system

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// An administrator removes the VIP: it comes back without an election.
func TestSafety_6_1_ForeignDeletionIsPutBack(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	before, backup := p.instance(v1), p.instance(v2)
	p.lb1.DeleteAddress("eth0", vip+"/24")
	deleted := time.Now()
	lab.WaitFor(t, "the VIP comes back", slack, func() error {
		if n := len(p.owners.Spans(p.lb1)); n != 2 {
			return fmt.Errorf("it came %d times in all", n)
		}
		return p.owners.Only(p.lb1)
	})
	lab.WaitFor(t, "the VIP is announced again", slack, func() error {
		if len(p.wire.Announced(p.lb1, vip, deleted)) == 0 {
			return fmt.Errorf("no gratuitous ARP")
		}
		return nil
	})
	p.unmoved(v1, before)
	p.unmoved(v2, backup)
	if a := p.instance(v1).Addresses; len(a) != 1 || a[0].PutBacks != 1 || a[0].State != runner.AddressHeld {
		t.Errorf("addresses = %+v, want one, held, put back once", a)
	}
	p.steady(p.lb1, lease+time.Second) // the new one has a lease as well
}

// A virtual address that the host has already is its own: never touched, not
// even by a stop.
func TestSafety_1_5_HostAddressIsNeverTouched(t *testing.T) {
	p := newPair(t)
	p.lb1.AddAddress("eth0", vip+"/24")
	v := p.lb1.Vipd(config())
	p.state(v, vrrp.StateMaster)
	p.steady(p.lb1, lease+time.Second)
	out, err := p.lb1.Run("ip", "-4", "address", "show", "dev", "eth0", "to", vip)
	if err != nil || !strings.Contains(out, "valid_lft forever") {
		t.Errorf("the host's address is %q, %v", out, err)
	}
	if a := p.instance(v).Addresses; len(a) != 1 || a[0].State != runner.AddressHost {
		t.Errorf("addresses = %+v, want the host's", a)
	}
	v.Signal(syscall.SIGTERM)
	if status, err := v.Wait(bound); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	if !p.lb1.Holds(addr(vip)) {
		t.Error("a stop removed the host's address")
	}
}

// The end of a lease must not take the host's own addresses with it. In the
// kernel's default, secondary addresses go with the primary of their subnet.
func TestSafety_1_6_ExpiredLeaseLeavesTheHostItsAddresses(t *testing.T) {
	p := newPair(t)
	const primary, own = "198.51.100.100", "198.51.100.21"
	owners := p.net.Ownership(primary, p.lb1)
	v := p.lb1.Vipd(strings.ReplaceAll(config(), vip, primary))
	lab.WaitFor(t, "lb1 has the VIP", settle, func() error { return owners.Only(p.lb1) })
	p.lb1.AddAddress("eth0", own+"/24")
	out, err := p.lb1.Run("ip", "-4", "address", "show", "dev", "eth0", "primary")
	if err != nil || !strings.Contains(out, primary) || strings.Contains(out, own) {
		t.Fatalf("the VIP is not the primary address: %q, %v", out, err)
	}
	v.Kill()
	lab.WaitFor(t, "the VIP is gone", lease+slack, owners.None)
	if !p.lb1.Holds(addr(own)) {
		t.Error("the host's address went with the VIP")
	}
}

// The interface does not exist yet: fault, said so, and master once it does.
func TestInterfaceAppears(t *testing.T) {
	p := newPair(t)
	v := p.lb1.Vipd(strings.ReplaceAll(config(), `"eth0"`, `"eth1"`))
	in := p.state(v, vrrp.StateFault)
	if in.LastReason != vrrp.ReasonNoInterface {
		t.Errorf("fault because of %v", in.LastReason)
	}
	if st := p.status(v); !strings.Contains(strings.Join(st.Problems, "\n"), "eth1") && !strings.Contains(strings.Join(st.Problems, "\n"), "web") {
		t.Errorf("problems = %q", st.Problems)
	}
	p.lb1.Attach("lan", "192.0.2.21/24")
	p.state(v, vrrp.StateMaster)
	p.ownedBy(p.lb1, slack)
}

// The link goes: fault, and the backup serves; it returns: so does the master.
func TestLinkFlap(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	p.lb1.LinkDown("eth0")
	p.ownedBy(p.lb2, takeover)
	if in := p.state(v1, vrrp.StateFault); in.LastReason != vrrp.ReasonInterfaceDown {
		t.Errorf("fault because of %v", in.LastReason)
	}
	p.lb1.LinkUp("eth0")
	p.ownedBy(p.lb1, takeover)
	p.state(v2, vrrp.StateBackup)
}
