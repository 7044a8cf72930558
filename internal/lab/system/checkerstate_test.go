package system

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

// The checker dies: the next one goes on with the verdicts of the dead one,
// although its own first probe is an hour away.
func TestKilledCheckerKeepsItsVerdicts(t *testing.T) {
	p := newPair(t)
	p.net.Host("rs1", "lan", "192.0.2.11/24").WebServer("192.0.2.11:80", "rs1")
	v := p.lb1.Vipd(rarelyChecked())
	before := p.verdicts(v, healthcheck.Up, healthcheck.Down)
	time.Sleep(1500 * time.Millisecond) // the supervisor hears of verdicts within a second
	old := p.role(v, "checker")
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	p.anotherChecker(v, old)
	p.sameVerdicts(v, before)
	if took := time.Since(killed); took > slack {
		t.Errorf("the verdicts were back after %v", took)
	}
}

// An upgrade keeps them too.
func TestUpgradeKeepsVerdicts(t *testing.T) {
	p := newPair(t)
	p.net.Host("rs1", "lan", "192.0.2.11/24").WebServer("192.0.2.11:80", "rs1")
	v := p.lb1.Vipd(rarelyChecked())
	before := p.verdicts(v, healthcheck.Up, healthcheck.Down)
	old := p.role(v, "checker")
	if out, err := p.lb1.Run(lab.Binary(t), "upgrade", "--runtime-dir", v.Runtime); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.anotherChecker(v, old)
	p.sameVerdicts(v, before)
}

// rarelyChecked has two real servers whose second probe is far away.
func rarelyChecked() string {
	return config() + `virtual_server "web" {
  address = "192.0.2.100:80"
  forward = "direct"
  check "http" {
    interval = "10m"
    timeout  = "300ms"
    fall     = 1
    warmup   = "20ms"
  }
  real_server "192.0.2.11:80" {}
  real_server "192.0.2.12:80" {}
}
`
}

// anotherChecker waits for the successor of a checker process.
func (p *pair) anotherChecker(v *lab.Vipd, old int) {
	p.t.Helper()
	lab.WaitFor(p.t, "another checker is there", settle, func() error {
		for _, r := range p.status(v).Roles {
			if r.Name == "checker" && r.Running && r.PID != old {
				return nil
			}
		}
		return fmt.Errorf("not yet")
	})
}

// sameVerdicts checks that verdicts are what they were, since when they were.
func (p *pair) sameVerdicts(v *lab.Vipd, before []api.RealServer) {
	p.t.Helper()
	after := p.verdicts(v, healthcheck.Up, healthcheck.Down)
	for i := range before {
		if !after[i].Since.Equal(before[i].Since) {
			p.t.Errorf("%s is %v since %v, was since %v", after[i].Address, after[i].Verdict, after[i].Since, before[i].Since)
		}
	}
}

// verdicts waits until the real servers of the only service have them.
func (p *pair) verdicts(v *lab.Vipd, want ...healthcheck.Verdict) (all []api.RealServer) {
	p.t.Helper()
	lab.WaitFor(p.t, fmt.Sprintf("verdicts are %v", want), settle, func() error {
		st := p.status(v)
		if len(st.Services) != 1 || len(st.Services[0].RealServers) != len(want) {
			return fmt.Errorf("services: %+v", st.Services)
		}
		all = st.Services[0].RealServers
		for i, rs := range all {
			if rs.Verdict != want[i] {
				return fmt.Errorf("%s is %v", rs.Address, rs.Verdict)
			}
		}
		return nil
	})
	return all
}
