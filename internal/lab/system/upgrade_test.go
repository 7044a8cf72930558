package system

import (
	"fmt"
	"os"
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
			began := time.Now()
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
			p.untroubled(began, every)
		})
	}
}

// untroubled checks that lb1 said no good-bye and was never silent for long.
func (p *pair) untroubled(since time.Time, every time.Duration) {
	p.t.Helper()
	if n := p.zeros(p.lb1, since); n > 0 {
		p.t.Errorf("%d adverts with priority 0", n)
	}
	var longest time.Duration
	adverts := p.wire.Adverts(p.lb1, since)
	for i := 1; i < len(adverts); i++ {
		longest = max(longest, adverts[i].At.Sub(adverts[i-1].At))
	}
	p.t.Logf("longest gap between adverts %v at %v", longest, every)
	if longest > max(3*every, 500*time.Millisecond) { // a busy machine; docs/failure-modes.md measures
		p.t.Errorf("no advert for %v", longest)
	}
}

// A binary that cannot take over changes nothing.
func TestUpgradeIsRefused(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	before, backup := p.instance(v1), p.instance(v2)
	roles := []int{p.role(v1, "router"), p.role(v1, "checker")}
	refuse := func(binary string) {
		t.Helper()
		if out, err := p.lb1.Run(lab.Binary(t), "upgrade", "--runtime-dir", v1.Runtime, "--binary", binary); err == nil {
			t.Errorf("upgrade to %s: %s", binary, out)
		}
	}
	refuse("/bin/false")
	refuse("/nowhere/vipd")
	p.lb1.WriteFile("vipd.hcl", "nonsense")
	refuse(lab.Binary(t))
	v1.Signal(syscall.SIGUSR2)
	v1.WaitLog("cannot take over", slack)
	p.steady(p.lb1, 5*interval)
	p.unmoved(v1, before)
	p.unmoved(v2, backup)
	if r, c := p.role(v1, "router"), p.role(v1, "checker"); r != roles[0] || c != roles[1] {
		t.Errorf("roles are %d and %d now, were %v", r, c, roles)
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

// A new binary whose supervisor cannot start, although its roles work already:
// the old one is executed again and makes the roles its own.
func TestUpgradeGoesBack(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	before, backup := p.instance(v1), p.instance(v2)
	began := time.Now()
	broken := p.lb1.WriteFile("broken", fmt.Sprintf(`#!/bin/sh
case $1 in
run) exec %[1]s run -f /no/such/file --runtime-dir %[2]s --state-dir %[3]s ;;
esac
exec %[1]s "$@"
`, lab.Binary(t), v1.Runtime, v1.State))
	if err := os.Chmod(broken, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := p.lb1.Run(lab.Binary(t), "upgrade", "--runtime-dir", v1.Runtime, "--binary", broken)
	if err == nil || !strings.Contains(out+err.Error(), "the old binary goes on") {
		t.Errorf("upgrade to a binary that cannot start: %v\n%s", err, out)
	}
	v1.WaitLog("back after a failed upgrade", settle)
	p.steady(p.lb1, 5*interval)
	p.unmoved(v1, before)
	p.unmoved(v2, backup)
	p.untroubled(began, interval)
	stopped := time.Now()
	v1.Signal(syscall.SIGTERM)
	if status, err := v1.Wait(bound); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	p.goodbye(p.lb1, stopped)
	p.vanished(v1)
}
