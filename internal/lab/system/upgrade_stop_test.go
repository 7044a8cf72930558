package system

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// A stop that comes in the middle of an upgrade, wherever it is: nobody waits for
// a slow binary, and nothing is left behind. In the moment in which one binary has
// gone and the other is not there yet it ends the process, and the roles leave.
func TestStopDuringUpgrade(t *testing.T) {
	for _, tt := range []struct {
		name, cases string
		killed      bool
	}{
		{"verification", `take-over*) exec sleep 30 ;;`, false},
		{"checker", `"role checker") exec sleep 30 ;;`, false},
		{"router", `"role router") exec sleep 30 ;;`, false},
		{"execution", `run*) exec sleep 30 ;;`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			v1, _ := p.start()
			p.lb1.Start(lab.Binary(t), "upgrade", "--runtime-dir", v1.Runtime, "--binary", p.lb1.Variant("slow", tt.cases))
			lab.WaitFor(t, "the other binary sleeps", settle, func() error {
				for _, pid := range v1.Tree() {
					if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && strings.TrimSpace(string(comm)) == "sleep" {
						return nil
					}
				}
				return errProcesses(v1.Tree())
			})
			p.stops(v1, !tt.killed)
		})
	}
}

// The same at moments that nobody has chosen.
func TestStopAtAnyTimeOfAnUpgrade(t *testing.T) {
	for _, after := range []time.Duration{20, 60, 100, 140, 180, 240} {
		after *= time.Millisecond
		t.Run(after.String(), func(t *testing.T) {
			p := newPair(t)
			v1, _ := p.start()
			v1.Signal(syscall.SIGUSR2)
			time.Sleep(after)
			p.stops(v1, false)
		})
	}
}

// stops stops lb1, which leaves nothing behind; in order if nothing but that is
// to be.
func (p *pair) stops(v *lab.Vipd, order bool) {
	p.t.Helper()
	stopped := time.Now()
	v.Signal(syscall.SIGTERM)
	if status, err := v.Wait(bound); order && status != 0 || err != nil {
		p.t.Errorf("exit status %d, %v", status, err)
	}
	p.ownedBy(p.lb2, bound)
	if p.lb1.Holds(addr(vip)) {
		p.t.Error("the VIP stayed behind")
	}
	p.goodbye(p.lb1, stopped)
	if order {
		p.vanished(v)
	}
}
