package kernel

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

// realServer answers every line with its own address.
func (d *director) realServer(address string) {
	d.t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewScanner(c); in.Scan(); {
					fmt.Fprintln(c, address)
				}
			}()
		}
	}()
}

// session is a client's connection through the virtual service.
type session struct {
	net.Conn
	in *bufio.Reader
}

// dial connects to 192.0.2.9:80.
func (d *director) dial() (*session, error) {
	c, err := net.DialTimeout("tcp", "192.0.2.9:80", 5*time.Second)
	if err != nil {
		return nil, err
	}
	d.t.Cleanup(func() { c.Close() })
	return &session{c, bufio.NewReader(c)}, nil
}

// server asks which real server is at the other end.
func (s *session) server() (string, error) {
	if err := s.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(s, "who\n"); err != nil {
		return "", err
	}
	line, err := s.in.ReadString('\n')
	return strings.TrimSpace(line), err
}

// ask makes n new connections and counts the answers of each real server.
func (d *director) ask(n int) map[string]int {
	d.t.Helper()
	out := map[string]int{}
	for range n {
		s, err := d.dial()
		if err != nil {
			d.t.Fatal(err)
		}
		who, err := s.server()
		if err != nil {
			d.t.Fatal(err)
		}
		s.Close()
		out[who]++
	}
	return out
}

// sessionOn opens connections until one is with the given real server.
func (d *director) sessionOn(server string) *session {
	d.t.Helper()
	for range 10 {
		s, err := d.dial()
		if err != nil {
			d.t.Fatal(err)
		}
		if who, err := s.server(); err != nil {
			d.t.Fatal(err)
		} else if who == server {
			return s
		}
		s.Close()
	}
	d.t.Fatalf("no connection to %s", server)
	return nil
}

func (d *director) expectAlive(s *session, server string) {
	d.t.Helper()
	if who, err := s.server(); err != nil || who != server {
		d.t.Errorf("the established connection to %s answers %q, %v", server, who, err)
	}
	entry := fmt.Sprintf("%s 192.0.2.9:80", s.LocalAddr())
	for l := range strings.Lines(d.run("ipvsadm", "-L", "-n", "-c")) {
		if f := strings.Join(strings.Fields(l), " "); strings.Contains(f, "ESTABLISHED "+entry) && strings.HasSuffix(f, server) {
			return
		}
	}
	d.t.Errorf("no connection entry of %s", entry)
}

const (
	serverOne = "192.0.2.1:80"
	serverTwo = "192.0.2.2:80"
)

// balanced is a service with two working real servers.
func (d *director) balanced() ipvs.Table {
	d.t.Helper()
	d.realServer(serverOne)
	d.realServer(serverTwo)
	want := ipvstest.MustTable("tcp 192.0.2.9:80 rr", serverOne+" 3 masquerade", serverTwo+" 3 masquerade")
	d.reconcile(want)
	if got := d.ask(8); got[serverOne] != 4 || got[serverTwo] != 4 {
		d.t.Fatalf("round robin gave %v", got)
	}
	return want
}

// Weight 0: one operation, established connections live, new ones go to the
// others.
func testQuiescent(t *testing.T, d *director) {
	want := d.balanced()
	s := d.sessionOn(serverOne)
	want[0].Destinations[0].Weight = 0
	d.expectOps(d.reconcile(want), "set weight 0 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 3)")
	d.expectAlive(s, serverOne)
	if got := d.ask(6); got[serverTwo] != 6 {
		t.Errorf("new connections while quiescent: %v", got)
	}
	want[0].Destinations[0].Weight = 3
	d.expectOps(d.reconcile(want), "set weight 3 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 0)")
	d.expectAlive(s, serverOne)
	if got := d.ask(6); got[serverOne] != 3 {
		t.Errorf("new connections afterwards: %v", got)
	}
}

func testRemoval(t *testing.T, d *director) {
	want := d.balanced()
	all := want[0].Destinations
	want[0].Destinations = all[1:]
	d.expectOps(d.reconcile(want), "remove 192.0.2.1:80 from tcp 192.0.2.9:80")
	if got := d.ask(6); got[serverTwo] != 6 {
		t.Errorf("new connections after the removal: %v", got)
	}
	want[0].Destinations = all
	d.expectOps(d.reconcile(want), "add 192.0.2.1:80 to tcp 192.0.2.9:80 (weight 3, masquerade)")
	if got := d.ask(6); got[serverOne] != 3 {
		t.Errorf("new connections afterwards: %v", got)
	}
}

// Changing scheduler and persistence leaves connections and counters alone.
func testSchedulerUnderTraffic(t *testing.T, d *director) {
	want := d.balanced()
	s := d.sessionOn(serverOne)
	lab.WaitFor(t, "counters", 10*time.Second, d.counted(8, 1))
	want[0].Service.Scheduler = "wlc"
	want[0].Service.Persistent = time.Minute
	d.expectOps(d.reconcile(want), "edit tcp 192.0.2.9:80: scheduler from rr to wlc, persistence from 0s to 1m0s")
	d.expectAlive(s, serverOne)
	if err := d.counted(8, 1)(); err != nil {
		t.Error(err)
	}
}

// A persistent client stays with a quiescent server for ever, unless
// templates expire.
func testPersistenceTemplates(t *testing.T, d *director) {
	want := d.balanced()
	want[0].Service.Persistent = 5 * time.Minute
	d.reconcile(want)
	home := d.ask(1)
	for i, dst := range want[0].Destinations {
		if home[dst.Address.String()] > 0 {
			want[0].Destinations[i].Weight = 0
		}
	}
	d.reconcile(want)
	if got := d.ask(3); !sameServers(got, home) {
		t.Fatalf("the client left %v for %v: this test proves nothing", home, got)
	}
	if err := d.rec.SetSysctls(map[string]string{"net.ipv4.vs." + expireTemplates: "1"}); err != nil {
		t.Fatal(err)
	}
	if got := d.ask(3); sameServers(got, home) || len(got) != 1 {
		t.Errorf("the client of %v is now with %v", home, got)
	}
	d.restart()
	if err := d.rec.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile("/proc/sys/net/ipv4/vs/expire_quiescent_template"); err != nil || strings.TrimSpace(string(b)) != "0" {
		t.Errorf("sysctl after a clean stop: %q, %v", b, err)
	}
}

func sameServers(a, b map[string]int) bool {
	for s := range a {
		if b[s] == 0 {
			return false
		}
	}
	return len(a) == len(b)
}

// counted returns a condition: the only service has counted at least that
// many connections and has exactly that many active ones. The kernel adds its
// per-CPU counters up every two seconds (ip_vs_est.c).
func (d *director) counted(connections uint64, active uint32) func() error {
	return func() error {
		_, all, err := d.client.Snapshot()
		if err != nil || len(all) != 1 {
			return fmt.Errorf("statistics %+v, %w", all, err)
		}
		got, sum, open := all[0], uint64(0), uint32(0)
		for _, s := range got.Destinations {
			sum += s.Connections
			open += s.Active
		}
		if got.Connections < connections || sum != got.Connections || open != active {
			return fmt.Errorf("want %d connections, %d active: %+v", connections, active, got)
		}
		return nil
	}
}

func testStats(t *testing.T, d *director) {
	d.balanced() // 8 connections, closed
	d.sessionOn(serverOne)
	lab.WaitFor(t, "counters", 10*time.Second, d.counted(9, 1))
	_, got, err := d.client.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Key != ipvstest.MustKey("tcp 192.0.2.9:80") || len(got[0].Destinations) != 2 {
		t.Fatalf("statistics %+v", got)
	}
	for i, server := range []string{serverOne, serverTwo} {
		s := got[0].Destinations[i]
		if s.Address != netip.MustParseAddrPort(server) || s.Inactive == 0 ||
			s.PacketsIn == 0 || s.BytesIn <= s.PacketsIn || s.PacketsOut == 0 || s.BytesOut <= s.PacketsOut {
			t.Errorf("destination %+v", s)
		}
	}
	if got[0].Destinations[0].Active != 1 {
		t.Errorf("destination with the open connection: %+v", got[0].Destinations[0])
	}
}
