//go:build !race

package system

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloudflare/ipvs"
	"github.com/cloudflare/ipvs/netmask"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

// A failed real server stays with weight 0, so that its connections live; it
// gets no new ones, and its weight back when it is well again.
func testQuiescentServer(t *testing.T) {
	b := newBalancer(t)
	v := b.start(services("", ""))
	held := map[string]*lab.HeldConn{}
	for len(held) < 2 {
		c := b.client.Hold(service)
		backend, err := c.Ask()
		if err != nil {
			t.Fatal(err)
		}
		held[backend] = c
	}
	b.webs[0].SetStatus(503) // new requests fail, the process lives
	b.weights(service, map[string]int{"192.0.2.11:80": 0, "192.0.2.12:80": 5})
	b.webs[0].SetStatus(200)
	if backend, err := held["rs1"].Ask(); err != nil || backend != "rs1" {
		t.Errorf("connection to the failed server: %q, %v", backend, err)
	}
	b.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})

	b.webs[0].SetStatus(503)
	b.weights(service, map[string]int{"192.0.2.11:80": 0, "192.0.2.12:80": 5})
	if by := b.answers(service, 6); by["rs2"] != 6 {
		t.Errorf("answers = %v, want 6 of rs2", by)
	}
	st := b.status(v)
	if rs := st.RealServers[0]; st.Available != 1 || rs.Verdict != healthcheck.Down || rs.Weight != 0 || rs.Configured != 3 ||
		len(rs.Checks) != 1 || rs.Checks[0].Last.Class != healthcheck.ClassStatus {
		t.Errorf("status of the service: %+v", st)
	}
}

// An instance that tracks its own virtual server has the address only while that
// has a real server.
func testTrackedVirtualServer(t *testing.T) {
	b := newBalancer(t)
	v := b.start(strings.Replace(services("", ""), "virtual_address =", "track \"virtual_server\" \"web\" {}\n  virtual_address =", 1))
	holds := func(want bool) {
		t.Helper()
		lab.WaitFor(t, fmt.Sprintf("lb1 has the VIP: %v", want), settle, func() error {
			if b.lb.Holds(netip.MustParseAddr(vip)) != want {
				return errors.New("it is not so")
			}
			return nil
		})
	}
	for _, web := range b.webs {
		web.Stop()
	}
	holds(false)
	if out, err := vipctl(t, v, "explain", "web"); err != nil || !strings.Contains(out, "fault because something it depends on is down (virtual_server web)") {
		t.Errorf("explain says %v\n%s", err, out)
	}
	b.webs[1].Start()
	holds(true)
}

// quiescent = false: a failed real server is removed.
func testRemovedServer(t *testing.T) {
	b := newBalancer(t)
	b.start(services("quiescent = false", ""))
	b.webs[0].Stop()
	b.weights(service, map[string]int{"192.0.2.12:80": 5})
	if by := b.answers(service, 6); by["rs2"] != 6 {
		t.Errorf("answers = %v, want 6 of rs2", by)
	}
	b.webs[0].Start()
	b.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
}

// The fallback serves while no real server is left.
func testFallback(t *testing.T) {
	b := newBalancer(t)
	v := b.start(services(`fallback = "127.0.0.1:80"`, ""))
	b.lb.WebServer(":80", "sorry")
	for _, web := range b.webs {
		web.Stop()
	}
	b.weights(service, map[string]int{"192.0.2.11:80": 0, "192.0.2.12:80": 0, "127.0.0.1:80": 1})
	if by := b.answers(service, 4); by["lb1"] != 4 {
		t.Errorf("answers = %v, want 4 of lb1", by)
	}
	if st := b.status(v); !st.FallbackActive || st.Available != 0 {
		t.Errorf("status of the service: %+v", st)
	}
	b.webs[1].Start()
	b.weights(service, map[string]int{"192.0.2.11:80": 0, "192.0.2.12:80": 5})
	if by := b.answers(service, 4); by["rs2"] != 4 {
		t.Errorf("answers = %v, want 4 of rs2", by)
	}
}

// An administrator's service is not ours: it outlives start, reload and stop.
func testForeignService(t *testing.T) {
	b := newBalancer(t)
	const foreign = "192.0.2.1:8080"
	err := b.lb.Do(func() error {
		c, err := ipvs.New()
		if err != nil {
			return err
		}
		svc := ipvs.Service{
			Address: netip.MustParseAddr("192.0.2.1"), Netmask: netmask.MaskFrom(32, 32), Scheduler: "wrr",
			Port: 8080, Protocol: ipvs.TCP, Family: ipvs.INET,
		}
		if err := c.CreateService(svc); err != nil {
			return err
		}
		return c.CreateDestination(svc, ipvs.Destination{
			Address: netip.MustParseAddr("192.0.2.12"), Port: 80, Weight: 7, FwdMethod: ipvs.DirectRoute, Family: ipvs.INET,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	untouched := map[string]int{"192.0.2.12:80": 7}
	v := b.start(services("", ""))
	b.weights(foreign, untouched)
	v.Reload(services("quiescent = false", ""))
	b.webs[0].Stop()
	b.weights(service, map[string]int{"192.0.2.12:80": 5})
	b.weights(foreign, untouched)
	v.Signal(syscall.SIGTERM)
	if status, err := v.Wait(time.Second); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	b.weights(foreign, untouched)
	if n := len(b.lb.IPVS()); n != 1 {
		t.Errorf("%d services after the stop, want the foreign one alone", n)
	}
}

// A reload that adds, changes and removes services touches nothing else, and
// connections of what stays live on.
func testReloadOfServices(t *testing.T) {
	b := newBalancer(t)
	v := b.start(services("", ""))
	held := b.client.Hold(service)
	if _, err := held.Ask(); err != nil {
		t.Fatal(err)
	}
	second := `virtual_server "more" {
  address   = "192.0.2.100:8080"
  scheduler = "wrr"
  forward   = "direct"
  real_server "192.0.2.11:8080" {}
}
`
	v.Reload(services("", second))
	b.weights("192.0.2.100:8080", map[string]int{"192.0.2.11:8080": 1})
	v.Reload(services("", ""))
	lab.WaitFor(t, "the second service is gone", settle, func() error {
		if _, err := b.lb.VirtualServer("192.0.2.100:8080"); err != nil {
			return nil
		}
		return errStillThere
	})
	b.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
	if _, err := held.Ask(); err != nil {
		t.Errorf("a connection broke: %v", err)
	}
	v.Reload("nonsense")
	b.settled(time.Second)
}

// A real server that leaves the configuration drains: its connection lives on,
// new ones go elsewhere, and it goes when its time is up.
func testDrainOfARemovedServer(t *testing.T) {
	const drain = 6 * time.Second // a slow guest needs some for the questions below
	b := newBalancer(t)
	hcl := services(fmt.Sprintf("drain = %q", drain), "")
	v := b.start(hcl)
	var held *lab.HeldConn
	for backend := ""; backend != "rs1"; {
		held = b.client.Hold(service)
		var err error
		if backend, err = held.Ask(); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	v.Reload(strings.Replace(hcl, `real_server "192.0.2.11:80" { weight = 3 }`, "", 1))
	b.weights(service, map[string]int{"192.0.2.11:80": 0, "192.0.2.12:80": 5})
	if backend, err := held.Ask(); err != nil || backend != "rs1" {
		t.Errorf("connection to the removed server: %q, %v", backend, err)
	}
	if by := b.answers(service, 4); by["rs2"] != 4 {
		t.Errorf("answers = %v, want 4 of rs2", by)
	}
	b.weights(service, map[string]int{"192.0.2.12:80": 5})
	if took := time.Since(began); took < drain {
		t.Errorf("the removed server went after %v, with a connection", took)
	}
}

// checker is what the daemon says of its checker role.
func (b *balancer) checker(v *lab.Vipd) api.Role {
	b.t.Helper()
	var st api.Status
	if err := v.Status(&st); err != nil {
		b.t.Fatal(err)
	}
	for _, r := range st.Roles {
		if r.Name == "checker" {
			return r
		}
	}
	b.t.Fatalf("no checker among %+v", st.Roles)
	return api.Role{}
}

// The checker dies: the table stays as it was, verdicts are made anew without
// touching it, and failures are noticed again.
func testKilledChecker(t *testing.T) {
	b := newBalancer(t)
	v := b.start(services("", ""))
	b.webs[0].Stop()
	b.weights(service, map[string]int{"192.0.2.11:80": 0, "192.0.2.12:80": 5})
	if err := syscall.Kill(b.checker(v).PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.settled(2 * time.Second)
	if r := b.checker(v); !r.Running || r.Restarts != 1 {
		t.Errorf("checker = %+v, want running, restarted once", r)
	}
	b.webs[0].Start()
	b.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
	// One that keeps dying does not keep a stop from removing the table.
	b.dying(v)
	v.Signal(syscall.SIGTERM)
	if status, err := v.Wait(bound); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	if table := tableOf(b.lb); len(table) > 0 {
		t.Errorf("the stop left %v", table)
	}
}

// dying kills the checker role until it waits for its next life.
func (b *balancer) dying(v *lab.Vipd) {
	b.t.Helper()
	lab.WaitFor(b.t, "the checker waits for its next life", settle, func() error {
		c := b.checker(v)
		switch {
		case c.Running:
			_ = syscall.Kill(c.PID, syscall.SIGKILL)
		case c.Restarts >= 4:
			return nil
		}
		return fmt.Errorf("it is %+v", c)
	})
}

// A service that left the file while the daemon was dead is removed at its
// next start, by the record of what is ours; the others are adopted.
func testSafety_4_4_ServiceRemovedWhileDown(t *testing.T) {
	b := newBalancer(t)
	second := `virtual_server "more" {
  address   = "192.0.2.100:8080"
  scheduler = "wrr"
  forward   = "direct"
  real_server "192.0.2.11:8080" {}
}
`
	v := b.start(services("", second))
	b.weights("192.0.2.100:8080", map[string]int{"192.0.2.11:8080": 1})
	v.Kill()
	if n := len(b.lb.IPVS()); n != 2 {
		t.Fatalf("%d services of a dead daemon, want 2", n)
	}
	b.lb.Vipd(services("", ""))
	lab.WaitFor(t, "the second service is gone", settle, func() error {
		if _, err := b.lb.VirtualServer("192.0.2.100:8080"); err != nil {
			return nil
		}
		return errStillThere
	})
	b.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
	b.settled(time.Second)
}
