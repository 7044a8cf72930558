package balance

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// testFailover: established connections outlive the director that made them,
// with direct routing and with masquerading.
func testFailover(t *testing.T) {
	t.Run("direct", func(t *testing.T) { failover(t, "direct") })
	t.Run("masquerade", func(t *testing.T) { failover(t, "masquerade") })
}

// twins are two directors before one pool.
type twins struct {
	*testing.T
	client *lab.Host
	lbs    [2]*lab.Host
	v      [2]*lab.Vipd
	reals  [2]string
	hcl    string
}

// pairConfig serves on the outside; masquerading, the real servers come back
// through an address of the inside that the same director holds.
func pairConfig(method string, reals [2]string) string {
	inside := ""
	if method == "masquerade" {
		inside = `
vrrp_instance "inside" {
  interface       = "eth1"
  vrid            = 52
  version         = 3
  advert_interval = "300ms"
  virtual_address = ["198.51.100.100/24"]
}
`
	}
	return fmt.Sprintf(`version = 1
director "lb1" { priority = 150 }
director "lb2" { priority = 100 }
ipvs { ip_forward = true }
connection_sync {
  interface = "eth0"
  follow    = "web"
  id        = 7
}
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  advert_interval = "300ms"
  virtual_address = ["192.0.2.100/24"]
}
%s
virtual_server "web" {
  address   = "192.0.2.100:80"
  scheduler = "rr"
  forward   = "%s"
  check "tcp" {
    interval = "500ms"
    timeout  = "400ms"
  }
  real_server "%s" {}
  real_server "%s" {}
}
`, inside, method, reals[0], reals[1])
}

func newTwins(t *testing.T, method string, more ...string) *twins {
	t.Helper()
	l := lab.New(t)
	l.Bridge("out", "192.0.2.0/24")
	inside, prefix := "out", "192.0.2."
	if method == "masquerade" {
		inside, prefix = "in", "198.51.100."
		l.Bridge("in", prefix+"0/24")
	}
	p := &twins{T: t, client: l.Host("client", "out", "192.0.2.50/24")}
	for i := range p.lbs {
		p.lbs[i] = l.Host(fmt.Sprintf("lb%d", i+1), "out", fmt.Sprintf("192.0.2.%d/24", i+1))
		if method == "masquerade" {
			p.lbs[i].Attach("in", fmt.Sprintf("%s%d/24", prefix, i+1))
		}
		// Every packet of a connection is sent on, not every fiftieth.
		p.lbs[i].Sysctl("net.ipv4.vs.sync_threshold", "1 2")
	}
	for i := range p.reals {
		p.reals[i] = fmt.Sprintf("%s%d", prefix, 11+i)
		rs := l.Host(fmt.Sprintf("rs%d", i+1), inside, p.reals[i]+"/24")
		if method == "masquerade" {
			rs.DefaultRoute("198.51.100.100")
		} else {
			rs.ServeDirect("192.0.2.100")
		}
		rs.WebServer(":80", "alive\n")
	}
	p.hcl = pairConfig(method, p.reals) + strings.Join(more, "")
	for i := range p.v {
		p.start(i)
	}
	return p
}

func (p *twins) start(i int) { p.v[i] = p.lbs[i].Vipd(p.hcl) }

// master returns nil when director i is master of everything and runs the
// sync daemons that go with it.
func (p *twins) master(i int) error {
	var st api.Status
	if err := p.v[i].Status(&st); err != nil {
		return err
	}
	for _, in := range st.Instances {
		if in.State != vrrp.StateMaster {
			return fmt.Errorf("%s is %s on lb%d", in.Name, in.State, i+1)
		}
	}
	if len(st.Instances) == 0 || len(st.IPVS.Sync) == 0 || st.IPVS.Sync[0][:6] != "master" {
		return fmt.Errorf("connection sync of lb%d: %v %s", i+1, st.IPVS.Sync, st.IPVS.SyncError)
	}
	return nil
}

// kept are connections that a client keeps, and who answers on them.
type kept struct {
	*testing.T
	conns [4]*lab.HeldConn
	by    [4]string
}

// hold waits until lb1 serves, and opens connections through it that the other
// director hears of.
func (p *twins) hold() *kept {
	p.Helper()
	lab.WaitFor(p, "lb1 is master", 20*time.Second, func() error { return p.master(0) })
	lab.WaitFor(p, "the service answers", 20*time.Second, func() error {
		if f := p.client.Fetch("192.0.2.100:80"); f.Lost() {
			return fmt.Errorf("lost: %v", f.Err)
		}
		return nil
	})
	k := &kept{T: p.T}
	for i := range k.conns {
		k.conns[i] = p.client.Hold("192.0.2.100:80")
		for range 4 {
			backend, err := k.conns[i].Ask()
			if err != nil {
				p.Fatal(err)
			}
			k.by[i] = backend
		}
	}
	time.Sleep(3 * time.Second) // the kernel sends connections every two seconds at the latest
	return k
}

// live checks that the connections go on with the same real servers.
func (k *kept) live() {
	k.Helper()
	for i, conn := range k.conns {
		lab.WaitFor(k, fmt.Sprintf("connection %d lives on", i), 10*time.Second, func() error {
			backend, err := conn.Ask()
			if err == nil && backend != k.by[i] {
				k.Errorf("connection %d went from %s to %s", i, k.by[i], backend)
			}
			return err
		})
	}
}

// testRestart: a restart of one of two directors with keep_on_stop is at worst a
// failover and the way back; its table is never empty and no connection ends.
func testRestart(t *testing.T) {
	p := newTwins(t, "direct", "global { keep_on_stop = true }\n")
	k := p.hold()
	p.v[0].Signal(syscall.SIGTERM)
	if _, err := p.v[0].Wait(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if n := len(p.lbs[0].IPVS()); n != 1 {
		t.Errorf("%d services after the stop", n)
	}
	p.start(0)
	k.live()
	lab.WaitFor(t, "lb1 is master again", 30*time.Second, func() error { return p.master(0) })
	k.live()
}

func failover(t *testing.T, method string) {
	p := newTwins(t, method)
	k := p.hold()
	p.v[0].Kill()
	p.lbs[0].LinkDown("eth0")
	if method == "masquerade" {
		p.lbs[0].LinkDown("eth1")
	}
	took := lab.WaitFor(t, "lb2 is master", 20*time.Second, func() error { return p.master(1) })
	t.Logf("lb2 took over after %s", took)
	k.live()
}
