package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// contained starts a daemon as the first process of a container: process ids of
// its own, a root that cannot be written, /run in memory. More is done in the
// container first by prepare, a piece of shell.
func (p *pair) contained(h *lab.Host, hcl, prepare string, wrap ...string) *lab.Vipd {
	p.t.Helper()
	v := &lab.Vipd{Config: h.WriteFile("vipd.hcl", hcl), Runtime: filepath.Join(h.Dir(), "run")}
	if err := os.MkdirAll(v.Runtime, 0o755); err != nil {
		p.t.Fatal(err)
	}
	script := fmt.Sprintf(`mount --make-rprivate / && mount --bind / / && mount -o remount,bind,ro / || exit 9
%s
cd /; exec %s %s run -f %s --director %s --runtime-dir %s --state-dir /no-such-place/state`,
		prepare, strings.Join(wrap, " "), lab.Binary(p.t), v.Config, h.Name, v.Runtime)
	v.Proc = h.Start("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "sh", "-c", script)
	return v
}

// A container: the daemon is process 1 with a read-only root. It works, says
// what it cannot remember, waits for orphans, and after a SIGKILL of process 1,
// which takes everything along, the lease ends its VIP.
func TestContainer(t *testing.T) {
	p := newPair(t)
	run := filepath.Join(p.lb1.Dir(), "run")
	hcl := config(`track "script" "orphan" {}`) + `track_script "orphan" {
  command  = ["/bin/sh", "-c", "sleep 0.2 & exit 0"]
  interval = "300ms"
}
`
	volume := fmt.Sprintf("mount --bind %[1]s %[1]s && mount -o remount,bind,rw %[1]s", run)
	v1 := p.contained(p.lb1, hcl, volume)
	v2 := p.lb2.Vipd(config())
	p.ownedBy(p.lb1, settle)
	v1.WaitLog("make state directory", slack)
	p.state(v2, vrrp.StateBackup)
	lab.Steady(t, "orphans do not pile up", slack, func() error {
		dead := 0
		for _, pid := range v1.Tree() {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && strings.Contains(string(b), ") Z ") {
				dead++
			}
		}
		if dead > 20 {
			return fmt.Errorf("%d zombies", dead)
		}
		return nil
	})
	v1.Signal(syscall.SIGKILL) // of unshare, which sends it on to process 1
	p.ownedBy(p.lb2, lease+slack)
	p.vanished(v1)
	// The pid file that it left names nobody; a second start is not confused.
	p.contained(p.lb1, config(), volume)
	p.ownedBy(p.lb1, takeover)
}

// Rights that are missing are named one by one; the daemon does what it can.
func TestMissingCapabilities(t *testing.T) {
	p := newPair(t)
	dropped := []string{"net_raw", "ipc_lock", "sys_nice", "sys_resource"}
	v := p.lb1.VipdUnder(config(), "setpriv", "--bounding-set", "-"+strings.Join(dropped, ",-"))
	for _, name := range dropped {
		v.WaitLog("CAP_"+strings.ToUpper(name)+" is missing", settle)
	}
	if in := p.state(v, vrrp.StateFault); in.LastReason == "" {
		t.Errorf("fault without a reason: %+v", in)
	}
	for _, has := range []string{"CAP_NET_ADMIN", "CAP_SETUID"} {
		if strings.Contains(v.Log(), has+" is missing") {
			t.Errorf("%s is said to be missing", has)
		}
	}
}

// No room in the runtime and state directories: it starts, says so, and serves.
func TestFullDisk(t *testing.T) {
	p := newPair(t)
	run := filepath.Join(p.lb1.Dir(), "run")
	fill := fmt.Sprintf("mount -t tmpfs -o size=4k,nr_inodes=40 tmpfs %s; cat /dev/zero >%s/fill 2>/dev/null", run, run)
	v1 := p.contained(p.lb1, config(), fill)
	v1.WaitLog("no space left on device", settle)
	p.ownedBy(p.lb1, settle)
	p.steady(p.lb1, 5*interval)
	v1.Signal(syscall.SIGKILL) // of unshare, which ends process 1
	lab.WaitFor(t, "the lease has ended", lease+slack, func() error {
		if p.lb1.Holds(addr(vip)) {
			return errors.New("it has not")
		}
		return nil
	})
}
