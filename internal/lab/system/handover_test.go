package system

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// bound is the longest hand-over of config, with what a busy machine adds.
var bound = vrrp.HandOverBound(3, interval) + slack

// tolerable is how many pings may be lost on a busy machine; an immediate
// stop loses more than 10.
const tolerable = 4

// handOver stops a master under a client that pings the VIP every 5 ms.
func (p *pair) handOver(v *lab.Vipd, from, to *lab.Host) (lost int) {
	p.t.Helper()
	return p.leave(from, to, func() {
		v.Signal(syscall.SIGTERM)
		if status, err := v.Wait(bound); status != 0 || err != nil {
			p.t.Errorf("exit status %d, %v", status, err)
		}
	})
}

// leave makes a master leave under a client that pings the VIP every 5 ms, and
// returns how many were lost.
func (p *pair) leave(from, to *lab.Host, how func()) int {
	p.t.Helper()
	if p.client == nil {
		p.client = p.net.Host("client", "lan", "192.0.2.9/24")
	}
	client := p.client.Ping(vip, 5*time.Millisecond)
	time.Sleep(500 * time.Millisecond)
	stopped := time.Now()
	how()
	took := time.Since(stopped)
	p.ownedBy(to, slack)
	time.Sleep(500 * time.Millisecond)
	sent, lost := client.Stop()
	if len(lost) > 0 {
		p.t.Logf("pings were lost from %v to %v after the stop", lost[0].Sub(stopped), lost[len(lost)-1].Sub(stopped))
	}
	p.t.Logf("left after %v, both had the VIP for %v, %d of %d pings lost", took, p.owners.Overlap(), len(lost), sent)
	if n := p.zeros(from, stopped); n != 2 && !p.virtual {
		p.t.Errorf("%d adverts with priority 0, want 2", n)
	}
	return len(lost)
}

// lossless hands over until no pings are lost, three times at most: a busy
// machine can be late by itself, but need not be.
func (p *pair) lossless(handOver func() (lost int)) {
	p.t.Helper()
	lost := 0
	for range 3 {
		if lost = handOver(); lost <= tolerable {
			return
		}
	}
	p.t.Errorf("%d pings were lost", lost)
}

// A client that pings every 5 ms loses nothing when the master is stopped.
func TestSafety_2_1_HandOverLosesNothing(t *testing.T) {
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf(`"192.0.2.%d/24"`, 20+i)
	}
	for name, hcl := range map[string]string{
		"one address":                        config(),
		"virtual MAC":                        config("vmac {}"),
		"virtual MAC, adverts from the base": config(`vmac { transmit = "base" }`),
		"200 addresses":                      strings.Replace(config(), `"`+vip+`/24"`, strings.Join(many, ", "), 1),
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.virtual = strings.Contains(hcl, "vmac {}")
			v2 := p.lb2.Vipd(hcl)
			p.ownedBy(p.lb2, settle)
			p.lossless(func() int {
				v1 := p.lb1.Vipd(hcl)
				p.ownedBy(p.lb1, settle)
				p.state(v2, vrrp.StateBackup)
				return p.handOver(v1, p.lb1, p.lb2)
			})
		})
	}
}

// Neither does one that fetches over a new connection every 20 ms; only what is
// under way in the very moment may break, as no director has another's
// connections.
func TestSafety_2_1_HandOverLosesNoRequest(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	p.state(v2, vrrp.StateBackup)
	p.lb1.WebServer(":80", "lb1")
	p.lb2.WebServer(":80", "lb2")
	load := p.net.Host("browser", "lan", "192.0.2.8/24").Load(vip+":80", 20*time.Millisecond, 1000)
	p.handOver(v1, p.lb1, p.lb2)
	done := load.Stop()
	if lost := done.Lost(); len(lost) > 1 {
		t.Errorf("%d of %d requests were lost, first %+v", len(lost), len(done), lost[0])
	}
	if by := done.By(); by["lb1"] == 0 || by["lb2"] == 0 {
		t.Errorf("answered by %v", by)
	}
}

// An instance that a reload removes hands over as if it were stopped.
func TestHandOverOfRemovedInstance(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	p.state(v2, vrrp.StateBackup)
	p.lossless(func() int {
		if len(p.status(v1).Instances) == 0 {
			p.reload(v1, config(), true)
			p.ownedBy(p.lb1, settle)
		}
		return p.leave(p.lb1, p.lb2, func() { p.reload(v1, directors, true) })
	})
	if all := p.status(v1).Instances; len(all) != 0 {
		t.Errorf("it still has %+v", all)
	}
}

// The best of two backups takes over from a leaving master.
func TestHandOverAmongThree(t *testing.T) {
	p := newPair(t)
	lb3 := p.net.Host("lb3", "lan", "192.0.2.4/24")
	p.owners = p.net.Ownership(vip, p.lb1, p.lb2, lb3)
	three := func(priority int) string {
		return strings.Replace(strings.Replace(config(), directors, "version = 1\n", 1), "director.priority", fmt.Sprint(priority), 1)
	}
	v2, v3 := p.lb2.Vipd(three(100)), lb3.Vipd(three(50))
	p.ownedBy(p.lb2, settle)
	p.lossless(func() int {
		v1 := p.lb1.Vipd(three(150))
		p.ownedBy(p.lb1, settle)
		p.state(v2, vrrp.StateBackup)
		p.state(v3, vrrp.StateBackup)
		return p.handOver(v1, p.lb1, p.lb2)
	})
	p.state(v3, vrrp.StateBackup)
}

// Nobody is left: the address goes at the end of the bound.
func TestSafety_2_6_StopEndsWithoutSuccessor(t *testing.T) {
	p := newPair(t)
	v := p.lb1.Vipd(config())
	p.ownedBy(p.lb1, settle)
	stopped := time.Now()
	v.Signal(syscall.SIGTERM)
	if status, err := v.Wait(bound); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	if took, least := time.Since(stopped), vrrp.HandOverBound(3, interval); took < least {
		t.Errorf("gave up after %v, bound %v", took, least)
	}
	if p.lb1.Holds(addr(vip)) {
		t.Error("the VIP stayed behind")
	}
}

// A second signal ends a hand-over; the setting makes every stop immediate.
func TestHandOverCutShort(t *testing.T) {
	long := strings.Replace(config(), `"100ms"`, `"20s"`, 1)
	t.Run("second signal", func(t *testing.T) {
		p := newPair(t)
		v := p.lb1.Vipd(strings.Replace(long, "priority        = director.priority", "priority = 255", 1))
		p.ownedBy(p.lb1, settle)
		v.Signal(syscall.SIGTERM)
		lab.Steady(t, "it goes on serving", 500*time.Millisecond, func() error { return p.owners.Only(p.lb1) })
		v.Signal(syscall.SIGTERM)
		if status, err := v.Wait(slack); status != 0 || err != nil {
			t.Errorf("exit status %d, %v", status, err)
		}
		if p.lb1.Holds(addr(vip)) {
			t.Error("the VIP stayed behind")
		}
	})
	t.Run("immediate", func(t *testing.T) {
		p := newPair(t)
		v := p.lb1.Vipd(strings.Replace(config(`hand_over = "immediate"`), `"100ms"`, `"5s"`, 1) + "\n")
		p.ownedBy(p.lb1, settle)
		v.Signal(syscall.SIGTERM)
		if status, err := v.Wait(slack); status != 0 || err != nil {
			t.Errorf("exit status %d, %v", status, err)
		}
	})
}
