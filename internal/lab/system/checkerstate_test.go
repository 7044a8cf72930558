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
	v := p.lb1.Vipd(config() + `virtual_server "web" {
  address = "192.0.2.100:80"
  forward = "direct"
  check "tcp" {
    interval = "10m"
    timeout  = "300ms"
    fall     = 1
    warmup   = "20ms"
  }
  real_server "192.0.2.11:80" {}
  real_server "192.0.2.12:80" {}
}
`)
	before := p.verdicts(v, healthcheck.Up, healthcheck.Down)
	time.Sleep(1500 * time.Millisecond) // the supervisor hears of verdicts within a second
	old := p.role(v, "checker")
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	lab.WaitFor(t, "the checker is back", slack, func() error {
		for _, r := range p.status(v).Roles {
			if r.Name == "checker" && r.Running && r.PID != old {
				return nil
			}
		}
		return fmt.Errorf("not yet")
	})
	after := p.verdicts(v, healthcheck.Up, healthcheck.Down)
	if took := time.Since(killed); took > slack {
		t.Errorf("the verdicts were back after %v", took)
	}
	for i := range before {
		if !after[i].Since.Equal(before[i].Since) {
			t.Errorf("%s is %v since %v, was since %v", after[i].Address, after[i].Verdict, after[i].Since, before[i].Since)
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
