package daemon

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
)

// checkerOf returns a checker role, which does not run, with one virtual server
// of n real servers.
func checkerOf(t testing.TB, n int) *checkerRole {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	c := newCheckerRole(ours, Options{RuntimeDir: t.TempDir()})
	t.Cleanup(c.peer.Close)
	p := healthcheck.Defaults(healthcheck.KindHTTP)
	web := p.Params.(healthcheck.HTTP)
	web.Headers, web.Expect = healthcheck.ListOf("Authorization: secret"), strings.Repeat("long", 100)
	p.Params = web
	checks := []healthcheck.Check{{Settings: p, Timing: healthcheck.Timing{Interval: time.Second, Rise: 1, Fall: 2}}}
	s := conf.Service{
		Config: ipvs.Config{Name: "web", Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.10:80")}},
		Checks: conf.Checks{},
	}
	for i := range n {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80)
		s.RealServers = append(s.RealServers, ipvs.RealServer{Address: a, Weight: 1})
		s.Checks[a] = checks
	}
	c.configure(checkerConfig{Services: []conf.Service{s}})
	return c
}

// TestStatusOfManyRealServers: all of them are there, each takes little, and
// what all checks have in common or keep secret is not told for each.
func TestStatusOfManyRealServers(t *testing.T) {
	const n = 2000
	text, err := checkerOf(t, n).status()
	if err != nil {
		t.Fatal(err)
	}
	var st checkerStatus
	var services []api.Service
	if err := json.Unmarshal(text, &st); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(st.Services, &services); err != nil {
		t.Fatal(err)
	}
	if len(services) != 1 || len(services[0].RealServers) != n || services[0].RealServers[n-1].Checks[0].Key.Settings.Kind != healthcheck.KindHTTP {
		t.Fatalf("services %.300s", st.Services)
	}
	if each := len(text) / n; each > 600 {
		t.Errorf("%d bytes for each real server, such as %.700s", each, text)
	}
	if strings.Contains(string(text), "secret") {
		t.Error("status shows a secret")
	}
	if len(st.Problems) != 1 || !strings.Contains(st.Problems[0], "no real server is available") {
		t.Errorf("problems %q", st.Problems)
	}
	shown, err := fullStatus{Status: api.Status{Version: "1"}, Services: st.Services}.text()
	var read api.Status
	if err != nil || json.Unmarshal(shown, &read) != nil || read.Version != "1" || len(read.Services) != 1 {
		t.Errorf("status %.300s, %v", shown, err)
	}
	empty, err := fullStatus{}.text()
	if err != nil || json.Unmarshal(empty, &read) != nil || read.Services != nil {
		t.Errorf("status without services %.300s, %v", empty, err)
	}
}

// BenchmarkStatus is what a status costs the checker role, for each real server:
// the same however many there are.
func BenchmarkStatus(b *testing.B) {
	for _, n := range []int{100, 2000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := checkerOf(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.status(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/server")
		})
	}
}
