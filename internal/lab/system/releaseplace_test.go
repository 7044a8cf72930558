package system

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// TestReleaseElsewhere: what the unit runs after a crash of everything hands over
// in the network namespace that was configured, also for a daemon whose runtime
// directory has a name of its own.
func TestReleaseElsewhere(t *testing.T) {
	p := newPair(t)
	outside := p.net.Host("outside", "lan", "192.0.2.4/24")
	there := fmt.Sprintf("/proc/%d/ns/net", p.lb1.Start("sleep", "1000").PID())
	hcl := strings.Replace(slowly(), "version = 1", fmt.Sprintf("version = 1\nglobal {\n  network_namespace = %q\n}", there), 1)
	v1 := outside.Vipd(hcl, "--director", "lb1")
	v2 := p.lb2.Vipd(slowly())
	p.ownedBy(p.lb1, settle)
	p.state(v2, vrrp.StateBackup)
	killed := time.Now()
	v1.Kill()
	const elsewhere = `mount -t tmpfs none /run; ln -s "$1" /run/vipd-blue; exec "$0" release`
	if out, err := outside.Run("unshare", "-m", "sh", "-ec", elsewhere, lab.Binary(t), v1.Runtime); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if took := p.gained(killed); took > early {
		t.Errorf("lb2 had the VIP after %v", took)
	}
	if p.lb1.Holds(addr(vip)) {
		t.Error("lb1 still has the VIP")
	}
	p.goodbye(p.lb1, killed)
}
