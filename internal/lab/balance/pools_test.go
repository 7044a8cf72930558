package balance

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/ipvs"
)

// pools is a director with a pool for each rule, before the same two real
// servers. hosts is its /etc/hosts.
type pools struct {
	site
	hosts string
	pipe  string // notify_fifo
	lines string // what came from it
}

func (p *pools) config() string {
	check := `check "tcp" {
    interval = "300ms"
    timeout  = "250ms"
  }`
	service := func(name, address, more, weight string) string {
		return fmt.Sprintf(`virtual_server "%s" {
  %s
  scheduler = "rr"
  forward   = "direct"
  %s
  %s
  real_server "%[6]s" { weight = %[5]s }
  real_server "%[7]s" { weight = %[5]s }
}
`, name, address, more, check, weight, p.addrs[0], p.addrs[1])
	}
	return fmt.Sprintf("version = 1\nglobal { notify_fifo = %q }\n", p.pipe) + `
ipvs { resolve_interval = "1s" }
vrrp_instance "late" {
  interface       = "eth1"
  vrid            = 77
  version         = 3
  advert_interval = "300ms"
  virtual_address = ["192.0.2.110/24"]
}
virtual_server "paced" {
  address = "192.0.2.108:80"
  forward = "direct"
  check "http" {
    interval       = "300ms"
    latency_target = "200ms"
    latency_floor  = 40
    latency_step   = 30
  }
  real_server "` + p.addrs[0] + `" { weight = 100 }
  real_server "` + p.addrs[1] + `" { weight = 100 }
}
` + service("ramp", `address = "192.0.2.100:80"`, `slow_start = "5s"`, "100") +
		service("guarded", `address = "192.0.2.101:80"`, `min_up = "50%"`, "10") +
		service("late", `address = "192.0.2.110:80"`, "ha_suspend = true", "1") +
		service("group", `addresses = ["192.0.2.102-103:80", "192.0.2.104/32:8080"]
  fwmark = 42`, "quiescent = false", "1") +
		service("told", `address = "192.0.2.105:80"`, fmt.Sprintf(`omega = true
  quorum { on_down = ["/bin/sh", "-c", "echo $VIPD_SERVICE $VIPD_STATE >>%s"] }`, p.hook), "1") + `
virtual_server "here" {
  address = "192.0.2.106:80"
  forward = "direct"
  real_server "127.0.0.1" {}
}
virtual_server "named" {
  address = "192.0.2.107:80"
  forward = "direct"
  real_server "moving.example" {}
}
`
}

// testPools: what the rules of pools do to the kernel's table and to clients.
func testPools(t *testing.T) {
	p := &pools{site: site{network: newNetwork(t, "direct", false)}}
	p.hook, p.pipe = filepath.Join(p.lb.Dir(), "hook"), filepath.Join(p.lb.Dir(), "fifo")
	if err := syscall.Mkfifo(p.pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := 101; i <= 108; i++ {
		vip := fmt.Sprintf("192.0.2.%d", i)
		p.lb.AddAddress("eth0", vip+"/24")
		for _, rs := range p.reals {
			rs.AddAddress("lo", vip+"/32")
		}
	}
	p.lb.WebServer("192.0.2.106:80", "")
	p.hosts = p.lb.WriteFile("hosts", p.addrs[0]+" moving.example\n")
	// A mount namespace of its own, with names that move.
	p.v = p.lb.VipdUnder(p.config(), "unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, p.hosts)
	p.expect("everything serves", map[string]string{
		"192.0.2.100:80": "100 100", "192.0.2.101:80": "10 10", "192.0.2.102:80": "1 1", "192.0.2.103:80": "1 1",
		"192.0.2.107:80": "1 -", "192.0.2.108:80": "100 100", "192.0.2.110:80": "1 1",
	})
	reader, err := os.OpenFile(p.pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	p.group()
	p.here()
	p.moving()
	p.late()
	p.paced()
	p.dead()
	p.piped(reader, "RS [192.0.2.11]:tcp:80 [192.0.2.100]:tcp:80 DOWN", "RS [192.0.2.12]:tcp:80 [192.0.2.100]:tcp:80 DOWN", "VS [192.0.2.100]:tcp:80 DOWN")
	p.ramp()
	p.piped(reader, "RS [192.0.2.12]:tcp:80 [192.0.2.100]:tcp:80 UP", "VS [192.0.2.100]:tcp:80 UP")
	p.told()
}

// expect waits until the kernel has these weights of the first and the second
// real server, "-" where one is absent.
func (p *pools) expect(what string, want map[string]string) {
	p.Helper()
	lab.WaitFor(p, what, 20*time.Second, func() error {
		for service, weights := range want {
			if got := p.have(service); got != weights {
				return fmt.Errorf("%s has weights %q, want %q", service, got, weights)
			}
		}
		return nil
	})
}

func (p *pools) have(service string) string {
	p.Helper()
	v, err := p.lb.VirtualServer(service)
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, a := range p.addrs {
		port := service[strings.LastIndexByte(service, ':'):]
		if w, ok := v.Weights()[a+port]; ok {
			words = append(words, fmt.Sprint(w))
		} else {
			words = append(words, "-")
		}
	}
	return strings.Join(words, " ")
}

// service waits until the status of one virtual server is as it should be: a
// role that is busy for a moment is left out of a status.
func (p *pools) service(what, name string, good func(api.Service) bool) {
	p.Helper()
	lab.WaitFor(p, what, 20*time.Second, func() error {
		for _, s := range p.status().Services {
			if s.Name == name && good(s) {
				return nil
			} else if s.Name == name {
				return fmt.Errorf("status shows %+v", s)
			}
		}
		return fmt.Errorf("status shows no service %q", name)
	})
}

// group: all services of a group reach the pool, the mark is there too.
func (p *pools) group() {
	p.Helper()
	for _, address := range []string{"192.0.2.102:80", "192.0.2.103:80"} {
		var all lab.Tally
		for range 4 {
			all = append(all, p.client.Fetch(address))
		}
		if by := all.By(); by["rs1"] != 2 || by["rs2"] != 2 {
			p.Errorf("%s is answered by %v", address, by)
		}
	}
	out, err := p.lb.Run("ipvsadm", "-S", "-n")
	for _, line := range []string{"-A -f 42 -s rr", "-a -f 42 -r 192.0.2.11:0 -g -w 1", "-a -t 192.0.2.104:8080 -r 192.0.2.12:8080 -g -w 1"} {
		if err != nil || !strings.Contains(out, line) {
			p.Errorf("no %q in the table: %v\n%s", line, err, out)
		}
	}
}

// piped: readers of keepalived's pipe are told in its words.
func (p *pools) piped(reader *os.File, lines ...string) {
	p.Helper()
	buf := make([]byte, 4096)
	lab.WaitFor(p, "lines in the pipe", 20*time.Second, func() error {
		for {
			_ = reader.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // a pipe has a poller
			n, err := reader.Read(buf)
			if err != nil {
				break // all was read
			}
			p.lines += string(buf[:n])
		}
		for _, l := range lines {
			if !strings.Contains("\n"+p.lines, "\n"+l+"\n") {
				return fmt.Errorf("no %q in\n%s", l, p.lines)
			}
		}
		return nil
	})
}

// here: the director itself is the real server. The kernel finds out for each
// packet; its table calls it a route.
func (p *pools) here() {
	p.Helper()
	if f := p.client.Fetch("192.0.2.106:80"); f.Lost() || f.Backend != "lb" {
		p.Errorf("answered by %q: %v", f.Backend, f.Err)
	}
	if v, err := p.lb.VirtualServer("192.0.2.106:80"); err != nil || len(v.Reals) != 1 || v.Reals[0].Forward != "Route" {
		p.Errorf("the table has %+v, %v", v, err)
	}
}

// moving: a name gets another address.
func (p *pools) moving() {
	p.Helper()
	p.lb.WriteFile("hosts", "# for a moment it moves to "+p.addrs[1]+"\n"+p.addrs[1]+" moving.example\n")
	p.expect("the name has moved", map[string]string{"192.0.2.107:80": "- 1"})
}

// late: the checks rest until the address is here.
func (p *pools) late() {
	p.Helper()
	p.service("the checks rest", "late", func(s api.Service) bool { return s.Suspended })
	p.lb.Attach("out", "192.0.2.2/24")
	p.service("the address has come and the checks run", "late", func(s api.Service) bool { return !s.Suspended })
}

// paced: a server that becomes slow loses a part of its weight, and gets it
// back.
func (p *pools) paced() {
	p.Helper()
	p.webs[0].SetDelay(time.Second)
	p.expect("the slow one has less weight", map[string]string{"192.0.2.108:80": "40 100", "192.0.2.101:80": "10 10"})
	p.webs[0].SetDelay(0)
	p.expect("it is fast again", map[string]string{"192.0.2.108:80": "100 100"})
}

// dead: both real servers die; min_up holds one, the others lose both.
func (p *pools) dead() {
	p.Helper()
	p.webs[0].Stop()
	p.expect("the first is out", map[string]string{"192.0.2.100:80": "0 100", "192.0.2.101:80": "0 10", "192.0.2.110:80": "0 1"})
	p.webs[1].Stop()
	p.expect("min_up holds the second", map[string]string{
		"192.0.2.100:80": "0 0", "192.0.2.101:80": "0 10", "192.0.2.102:80": "- -", "192.0.2.110:80": "0 0",
	})
	held := netip.MustParseAddrPort(p.addrs[1] + ":80")
	p.service("status says that it is held", "guarded", func(s api.Service) bool {
		return slices.ContainsFunc(s.RealServers, func(rs api.RealServer) bool { return rs.Address == held && rs.Reason == ipvs.ReasonHeld })
	})
}

// ramp: a server that has recovered starts slowly.
func (p *pools) ramp() {
	p.Helper()
	p.webs[0].Start()
	began := time.Now()
	lab.WaitFor(p, "its weight grows", 20*time.Second, func() error {
		var w0, w1 int
		_, err := fmt.Sscan(p.have("192.0.2.100:80"), &w0, &w1)
		if err == nil && (w0 == 0 || w0 == 100) {
			err = fmt.Errorf("weight %d", w0)
		}
		return err
	})
	p.webs[1].Start()
	p.expect("both have their full weight", map[string]string{
		"192.0.2.100:80": "100 100", "192.0.2.101:80": "10 10", "192.0.2.102:80": "1 1", "192.0.2.110:80": "1 1",
	})
	if took := time.Since(began); took < 4*time.Second {
		p.Errorf("slow_start took %s", took)
	}
}

// told: omega tells of the end.
func (p *pools) told() {
	p.Helper()
	if b, _ := os.ReadFile(p.hook); !strings.HasSuffix(string(b), "told down\n") { // both were dead
		p.Errorf("the hook wrote %q", b)
	}
	if err := os.Remove(p.hook); err != nil {
		p.Error(err)
	}
	p.v.Signal(15)
	if _, err := p.v.Wait(15 * time.Second); err != nil {
		p.Error(err)
	}
	p.hooked("told down")
}
