package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// Rights that are missing are named one by one, each alone and all together; the
// daemon does what it can: it is in fault with a reason where it could not be
// master, and master where a right only helps.
func TestMissingCapabilities(t *testing.T) {
	all := []string{"net_admin", "net_raw", "net_bind_service", "sys_nice", "ipc_lock", "sys_resource", "kill", "setuid", "setgid"}
	p := newPair(t)
	var here []string // this machine may lack some
	drop := func(number int, dropped ...string) {
		h := p.net.Host(fmt.Sprintf("c%d", number), "lan", fmt.Sprintf("192.0.2.%d/24", 20+number))
		hcl := strings.NewReplacer("vrid            = 51", fmt.Sprintf("vrid            = %d", 100+number), vip, fmt.Sprintf("192.0.2.%d", 120+number)).
			Replace(strings.Replace("version = 1\n"+strings.TrimPrefix(config(), directors), "director.priority", "150", 1))
		bounding := "-" + strings.Join(dropped, ",-")
		if len(dropped) == 0 {
			bounding = "+all"
		}
		v := h.VipdUnder(hcl, "setpriv", "--bounding-set", bounding)
		switch {
		case slices.Contains(dropped, "net_raw"):
			if in := p.state(v, vrrp.StateFault); in.LastReason == "" {
				t.Errorf("fault without a reason: %+v", in)
			}
		case slices.Contains(dropped, "net_admin"):
			p.instance(v)
		default:
			p.state(v, vrrp.StateMaster)
		}
		var named []string
		for _, name := range all {
			if strings.Contains(v.Log(), "CAP_"+strings.ToUpper(name)+" is missing: ") {
				named = append(named, name)
			}
		}
		want := slices.DeleteFunc(slices.Clone(all), func(name string) bool {
			return !slices.Contains(dropped, name) && !slices.Contains(here, name)
		})
		if len(dropped) == 0 {
			here, want = named, named
		}
		if !slices.Equal(named, want) {
			t.Errorf("named %v, want %v:\n%s", named, want, v.Log())
		}
		v.Kill()
	}
	drop(0)
	for i, name := range all {
		drop(1+i, name)
	}
	drop(1+len(all), all...)
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
