package matrix

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

const (
	vip      = "192.0.2.100"
	service  = vip + ":80"
	interval = 100 * time.Millisecond
)

// subject is a running director's daemon.
type subject interface {
	// PID is the process that was started.
	PID() int
	// parts are the processes of supervisor, router and checker, those that
	// there are.
	parts() (map[string]int, error)
	// tree is every process, without what watches over them from outside.
	tree() []int
	// watchers are processes that are no children of the daemon.
	watchers() []int
}

// daemon is a kind of daemon.
type daemon struct {
	name  string
	start func(h *lab.Host, priority int, wrap ...string) subject
	// upgrade makes it go on as another binary, or try to.
	upgrade func(t *testing.T, h *lab.Host, s subject, what edition)
}

var daemons = []daemon{
	{"vipd", startVipd, upgrade},
	{"keepalived", startKeepalived, replace},
}

// edition is another binary, good or not, by what is wrong with it.
type edition struct {
	name  string
	cases string // see lab.Host.Variant
	bad   bool
}

var editions = []edition{
	{name: "upgrade"},
	{"upgrade to a program that is no daemon", "*) exit 1 ;;", true},
	{"upgrade to a binary whose router dies", `"role router") kill -SEGV $$ ;;`, true},
	{"upgrade to a binary whose supervisor cannot start", "run*) exit 1 ;;", true},
}

type vipd struct{ *lab.Vipd }

func startVipd(h *lab.Host, priority int, wrap ...string) subject {
	hcl := fmt.Sprintf(`version = 1
director "lb1" { address = "192.0.2.1" }
director "lb2" { address = "192.0.2.2" }
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  priority        = %d
  advert_interval = "%v"
  virtual_address = ["%s/24"]
}
`, priority, interval, vip)
	if lab.HasIPVS() {
		hcl += fmt.Sprintf(`virtual_server "web" {
  address = "%s"
  forward = "direct"
  check "tcp" {
    interval = "1s"
    timeout  = "1s"
  }
  real_server "192.0.2.11:80" {}
  real_server "192.0.2.12:80" {}
}
`, service)
	}
	if len(wrap) > 0 {
		return vipd{h.VipdUnder(hcl, wrap[0], wrap[1:]...)}
	}
	return vipd{h.Vipd(hcl)}
}

func (v vipd) parts() (map[string]int, error) {
	var st api.Status
	if err := v.Status(&st); err != nil {
		return nil, err
	}
	all := map[string]int{"supervisor": st.PID}
	for _, r := range st.Roles {
		if r.Running {
			all[r.Name] = r.PID
		}
	}
	return all, nil
}

func (v vipd) tree() []int { return without(v.Tree(), v.watchers()) }

// watchers is the guard, which waits for the instance lock.
func (v vipd) watchers() []int { return v.Guards() }

func upgrade(t *testing.T, h *lab.Host, s subject, what edition) {
	cases := what.cases
	if strings.HasPrefix(cases, "run") {
		cases = "run*) exec $real run --no-such-flag ;;" // what ends before it runs anything of ours is a crash
	}
	out, err := h.Run(lab.Binary(t), "upgrade", "--runtime-dir", s.(vipd).Runtime, "--binary", h.Variant("next", cases))
	if (err != nil) != what.bad {
		t.Errorf("%s: %v %s", what.name, err, out)
	}
}

type keepalived struct {
	*lab.Proc
	dir     string
	restart func()
}

func startKeepalived(h *lab.Host, priority int, wrap ...string) subject {
	path := h.WriteFile("keepalived.conf", fmt.Sprintf(`global_defs {
  vrrp_version 3
  checker_log_all_failures false
}
vrrp_instance web {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority %d
  advert_int %.2f
  virtual_ipaddress { %s/24 }
}
virtual_server %s 80 {
  lb_algo wrr
  lb_kind DR
  protocol TCP
  delay_loop 1
  real_server 192.0.2.11 80 { TCP_CHECK { connect_timeout 1 } }
  real_server 192.0.2.12 80 { TCP_CHECK { connect_timeout 1 } }
}
`, priority, interval.Seconds(), vip, vip))
	args := []string{"--dont-fork", "--log-console", "--use-file", path}
	for _, f := range []string{"pid", "vrrp_pid", "checkers_pid"} {
		args = append(args, "--"+f, filepath.Join(h.Dir(), f))
	}
	program := "keepalived"
	if len(wrap) > 0 {
		program, args = wrap[0], append(append(wrap[1:], program), args...)
	}
	return keepalived{h.Start(program, args...), h.Dir(), func() { h.Start(program, args...) }}
}

func (k keepalived) parts() (map[string]int, error) {
	all := make(map[string]int)
	for part, file := range map[string]string{"supervisor": "pid", "router": "vrrp_pid", "checker": "checkers_pid"} {
		b, err := os.ReadFile(filepath.Join(k.dir, file))
		if err != nil {
			return nil, err
		}
		if all[part], err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (k keepalived) tree() []int   { return k.Tree() }
func (keepalived) watchers() []int { return nil }

// replace is how keepalived is upgraded: it stops, and the new binary is
// started, which does not run if it is no good.
func replace(t *testing.T, _ *lab.Host, s subject, what edition) {
	all, err := s.parts()
	if err == nil {
		err = syscall.Kill(all["supervisor"], syscall.SIGTERM)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.(keepalived).Wait(patience); err != nil {
		t.Fatal(err)
	}
	if !what.bad {
		s.(keepalived).restart()
	}
}
