package system

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// build builds the daemon as the next version, whose state the present one does
// not read.
func build(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vipd")
	cmd := exec.Command("go", "build", "-tags", "vipd_next", "-ldflags", "-X main.version="+version, "-o", path, "github.com/vipd/vipd/cmd/vipd")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build another version: %v\n%s", err, out)
	}
	return path
}

// runs waits until a daemon is of a version and its roles are new.
func (p *pair) runs(v *lab.Vipd, version string) (st api.Status) {
	p.t.Helper()
	lab.WaitFor(p.t, "vipd "+version+" runs", slack, func() error {
		if st = p.status(v); st.Version != version || len(st.Instances) != 1 {
			return errProcesses(nil)
		}
		return nil
	})
	return st
}

// A director becomes another version and the old one again: same process, no
// transition anywhere, no advert missing, no ping lost.
func TestUpgrade(t *testing.T) {
	other := build(t, "other")
	for _, every := range []time.Duration{interval, time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			p := newPair(t)
			hcl := strings.Replace(config(), interval.String(), every.String(), 1)
			v1, v2 := p.lb1.Vipd(hcl), p.lb2.Vipd(hcl)
			p.ownedBy(p.lb1, settle)
			backup := p.state(v2, vrrp.StateBackup)
			first := p.status(v1).Version
			watch := p.watch(every)
			client := p.net.Host("client", "lan", "192.0.2.9/24").Ping(vip, 5*time.Millisecond)
			for _, to := range []struct{ binary, version string }{{other, "other"}, {lab.Binary(t), first}} {
				old := p.role(v1, "router")
				if out, err := p.lb1.Run(lab.Binary(t), "upgrade", "--runtime-dir", v1.Runtime, "--binary", to.binary); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				p.runs(v1, to.version)
				p.steady(p.lb1, 3*every)
				if now := p.role(v1, "router"); now == old {
					t.Errorf("the router role is still process %d", now)
				}
			}
			sent, lost := client.Stop()
			if len(lost) > tolerable {
				t.Errorf("%d of %d pings lost", len(lost), sent)
			}
			if !v1.Running() {
				t.Error("the process has ended")
			}
			p.unmoved(v2, backup)
			if n := len(p.owners.Spans(p.lb1)); n != 1 {
				t.Errorf("the VIP came to lb1 %d times, want once", n)
			}
			watch.untroubled()
		})
	}
}

// After an upgrade the daemon is whole: it stops cleanly and is guarded.
func TestStopAfterUpgrade(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	old := p.role(v1, "router")
	v1.Signal(syscall.SIGUSR2)
	lab.WaitFor(t, "the roles are new", slack, func() error {
		for _, r := range p.status(v1).Roles {
			if r.Name == "router" && r.Running && r.PID != old {
				return nil
			}
		}
		return errProcesses{old}
	})
	stopped := time.Now()
	v1.Signal(syscall.SIGTERM)
	if status, err := v1.Wait(bound); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	p.goodbye(p.lb1, stopped)
	p.vanished(v1)
}
