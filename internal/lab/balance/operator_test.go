package balance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/ipvs"
)

// site is a director with its operator.
type site struct {
	*network
	v    *lab.Vipd
	hook string // the file that the quorum hooks write to
}

func (s *site) config(extra string) string {
	return fmt.Sprintf(`version = 1
ipvs { verify_interval = "1s" }
virtual_server "web" {
  address   = "%s"
  scheduler = "wrr"
  forward   = "direct"
  %s
  quorum {
    up      = 5
    on_up   = ["/bin/sh", "-c", "echo up $VIPD_WEIGHT >>%s"]
    on_down = ["/bin/sh", "-c", "echo down $VIPD_WEIGHT >>%s"]
  }
  check "tcp" {
    interval = "300ms"
    timeout  = "250ms"
  }
  real_server "%s" { weight = 10 }
  real_server "%s" { weight = 10 }
}
`, s.service(), extra, s.hook, s.hook, s.addrs[0], s.addrs[1])
}

// vipd runs a command of the operator and returns what it prints.
func (s *site) vipd(args ...string) string {
	s.Helper()
	out, err := s.lb.Run(lab.Binary(s), append([]string{"--runtime-dir", s.v.Runtime, "--state-dir", s.v.State}, args...)...)
	if err != nil {
		s.Fatalf("vipd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// weights waits until the kernel has these weights.
func (s *site) weights(what string, want ...int) {
	s.Helper()
	lab.WaitFor(s, what, 15*time.Second, func() error {
		v, err := s.lb.VirtualServer(s.service())
		if err != nil {
			return err
		}
		for i, w := range want {
			if got, ok := v.Weights()[s.addrs[i]+":80"]; !ok || got != w {
				return fmt.Errorf("real server %d has weight %d (present: %t), want %d", i+1, got, ok, w)
			}
		}
		return nil
	})
}

func (s *site) status() api.Status {
	s.Helper()
	var st api.Status
	if err := s.v.Status(&st); err != nil {
		s.Fatal(err)
	}
	return st
}

// testOperator drains and weighs, against reloads and restarts, and meddles
// with the table behind the daemon's back.
func testOperator(t *testing.T) {
	s := &site{network: newNetwork(t, "direct", false)}
	s.hook = filepath.Join(s.lb.Dir(), "hook")
	s.v = s.lb.Vipd(s.config(""))
	s.weights("both serve", 10, 10)
	s.hooked("up 20")

	s.drain()
	s.meddle()

	s.webs[0].Stop()
	s.webs[1].Stop()
	s.weights("both are dead", 0, 0)
	s.hooked("down 0")
}

// hooked waits until this is the last line that the hooks wrote.
func (s *site) hooked(want string) {
	s.Helper()
	lab.WaitFor(s, "the hooks have run", 10*time.Second, func() error {
		b, _ := os.ReadFile(s.hook) // not there yet
		if !strings.HasSuffix(string(b), want+"\n") {
			return fmt.Errorf("they wrote %q, want %q", b, want)
		}
		return nil
	})
}

func (s *site) drain() {
	s.Helper()
	one := "web/" + s.addrs[0]
	s.vipd("drain", one)
	s.weights("the first is drained", 0, 10)
	if rs := s.status().Services[0].RealServers[0]; rs.Reason != ipvs.ReasonDrained || rs.Override == nil {
		s.Errorf("status shows %+v", rs)
	}
	s.v.Reload(s.config("slow_start = \"0s\""))
	lab.WaitFor(s, "the reload is through", 10*time.Second, func() error {
		if n := s.status().Reload.Count; n != 1 {
			return fmt.Errorf("%d reloads", n)
		}
		return nil
	})
	s.weights("the reload drains it still", 0, 10)
	s.v.Kill()
	s.v = s.lb.Vipd(s.config(""))
	lab.WaitFor(s, "the daemon is back", 10*time.Second, func() error {
		var st api.Status
		return s.v.Status(&st)
	})
	s.weights("the restart drains it still", 0, 10)
	s.vipd("weight", one, "7", "--for", "3s")
	s.weights("an operator's weight", 7, 10)
	s.weights("it has ended", 10, 10)
	s.vipd("drain", "web")
	s.weights("all is drained", 0, 0)
	s.vipd("undrain", "web")
	s.weights("all is back", 10, 10)
}

// meddle does what others do: the daemon repairs its own and leaves theirs.
func (s *site) meddle() {
	s.Helper()
	for _, args := range [][]string{
		{"-C"},
		{"-e", "-t", s.service(), "-r", s.addrs[0] + ":80", "-g", "-w", "99"},
		{"-d", "-t", s.service(), "-r", s.addrs[1] + ":80"},
	} {
		if out, err := s.lb.Run("ipvsadm", args...); err != nil {
			s.Fatalf("ipvsadm %v: %v %s", args, err, out)
		}
		s.weights("ipvsadm "+args[0]+" is undone", 10, 10)
	}
	if out, err := s.lb.Run("ipvsadm", "-A", "-f", "99", "-s", "rr"); err != nil {
		s.Fatalf("ipvsadm: %v %s", err, out)
	}
	if out := s.vipd("verify"); !strings.Contains(out, "not ours, left alone: fwmark 99") {
		s.Errorf("verify says %q", out)
	}
	st := s.status()
	if st.IPVS.Drift < 3 || len(st.IPVS.Foreign) != 1 || len(st.IPVS.LastDrift) == 0 {
		s.Errorf("status shows %+v", st.IPVS)
	}
	if out, err := s.lb.Run("ipvsadm", "-S", "-n"); err != nil || !strings.Contains(out, "-A -f 99 -s rr") {
		s.Errorf("the foreign service is gone: %q, %v", out, err)
	}
}
