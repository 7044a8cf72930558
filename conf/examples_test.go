package conf

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// models compares everything by value.
var models = []cmp.Option{
	cmpopts.IgnoreFields(Config{}, "Origins"),
	cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}),
	cmpopts.EquateEmpty(),
}

// defaultIPVS is a configuration that says nothing of the kernel's IPVS.
var defaultIPVS = IPVS{VerifyInterval: 30 * time.Second, ResolveInterval: 5 * time.Minute}

// example loads a shipped example for a director and expects no remark at
// all.
func example(t *testing.T, name, director string) *Config {
	t.Helper()
	c, diags := Load([]string{filepath.Join("..", "examples", name)}, Options{Director: director})
	if len(diags) > 0 {
		t.Fatalf("load %s: %s", name, text(t, diags))
	}
	return c
}

func text(t *testing.T, d Diagnostics) string {
	t.Helper()
	var b strings.Builder
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func prefixes(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range s {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

var twoDirectors = []Director{
	{Name: "lb1", Address: netip.MustParseAddr("192.168.0.10"), Priority: 150},
	{Name: "lb2", Address: netip.MustParseAddr("192.168.0.20"), Priority: 100},
}

// webRouter is the instance that all examples have.
func webRouter(name string, priority uint8) vrrp.Config {
	return vrrp.Config{
		Name: name, ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51},
		Version: 2, Priority: priority, AdvertInterval: time.Second,
		Addresses: prefixes("192.168.0.200/24"), Preempt: true, Peers: true, HandOver: vrrp.HandOverGraceful,
		Announce: vrrp.Announce{Repeat: 5, Delay: 5 * time.Second},
	}
}

func TestExampleTwoDirectors(t *testing.T) {
	for director, priority := range map[string]uint8{"lb1": 150, "lb2": 100} {
		want := &Config{
			Director: director, Directors: twoDirectors,
			Global:  Global{LogLevel: "info", LogFormat: "text", RealTimePriority: DefaultRealTimePriority, Scripts: Scripts{Timeout: 30 * time.Second}},
			Routers: []vrrp.Config{webRouter("web", priority)},
			IPVS:    defaultIPVS,
			Files:   []string{"../examples/two-directors.hcl"},
		}
		if diff := cmp.Diff(want, example(t, "two-directors.hcl", director), models...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", director, diff)
		}
	}
}

func TestExampleDirectRouting(t *testing.T) {
	one, two := netip.MustParseAddrPort("192.168.0.110:80"), netip.MustParseAddrPort("192.168.0.120:80")
	checks := []healthcheck.Check{{
		Settings: healthcheck.Settings{
			Kind: healthcheck.KindHTTP, Timeout: 3 * time.Second,
			Params: healthcheck.HTTP{
				Version: healthcheck.HTTP1, Method: "GET", Paths: healthcheck.ListOf("/test.html"),
				Status: "200-299", Expect: "Still alive",
			},
		},
		Timing: healthcheck.Timing{Interval: 5 * time.Second, Rise: 1, Fall: 1},
	}}
	want := &Config{
		Director: "lb1", Directors: twoDirectors,
		Global:  Global{LogLevel: "info", LogFormat: "text", RealTimePriority: DefaultRealTimePriority, Scripts: Scripts{Timeout: 30 * time.Second}},
		Routers: []vrrp.Config{webRouter("web", 150)},
		Services: []Service{{
			Config: ipvs.Config{
				Name:      "web",
				Key:       ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.168.0.200:80")},
				Scheduler: "wlc", Quiescent: true,
				RealServers: []ipvs.RealServer{
					{Address: one, Weight: 1, Forward: ipvs.Direct}, {Address: two, Weight: 1, Forward: ipvs.Direct},
				},
				Fallback: &ipvs.RealServer{Address: netip.MustParseAddrPort("127.0.0.1:80"), Weight: 1, Forward: ipvs.Direct},
			},
			Checks: map[netip.AddrPort][]healthcheck.Check{one: checks, two: checks},
		}},
		IPVS:  defaultIPVS,
		Files: []string{"../examples/lvs-dr.hcl"},
	}
	if diff := cmp.Diff(want, example(t, "lvs-dr.hcl", "lb1"), models...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExampleNAT(t *testing.T) {
	got := example(t, "lvs-nat.hcl", "lb1")
	inside := webRouter("inside", 150)
	inside.ID = vrrp.RouterID{Interface: "eth1", Family: vrrp.IPv4, VRID: 52}
	inside.Addresses = prefixes("10.0.0.1/24")
	if diff := cmp.Diff([]vrrp.Config{webRouter("outside", 150), inside}, got.Routers, models...); diff != "" {
		t.Errorf("routers (-want +got):\n%s", diff)
	}
	web := healthcheck.Check{
		Name: "web",
		Settings: healthcheck.Settings{
			Kind: healthcheck.KindHTTP, Timeout: 3 * time.Second,
			Params: healthcheck.HTTP{
				Version: healthcheck.HTTP1, Method: "GET", Paths: healthcheck.ListOf("/health"),
				VirtualHost: "www.example.com", Status: "200-299",
			},
		},
		Timing: healthcheck.DefaultTiming(),
	}
	secure := web
	secure.Name, secure.Settings.Kind, secure.Settings.TLS.Mode = "secure", healthcheck.KindHTTPS, healthcheck.TLSOn
	params := web.Settings.Params.(healthcheck.HTTP)
	params.Status = "200,301-302"
	secure.Settings.Params = params
	want := []Service{
		natService("http", 80, 0, web),
		natService("https", 443, 10*time.Minute, secure),
	}
	if diff := cmp.Diff(want, got.Services, models...); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}

// natService is a service of lvs-nat.hcl: six servers, the last two heavier.
func natService(name string, port uint16, persistent time.Duration, check healthcheck.Check) Service {
	s := Service{
		Config: ipvs.Config{
			Name:      name,
			Key:       ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.AddrPortFrom(netip.MustParseAddr("192.168.0.200"), port)},
			Scheduler: "wrr", Quiescent: true, Persistent: persistent,
		},
		Checks: map[netip.AddrPort][]healthcheck.Check{},
	}
	for i, weight := range []int{1, 1, 1, 1, 2, 2} {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(11 + i)}), port)
		s.RealServers = append(s.RealServers, ipvs.RealServer{Address: a, Weight: weight, Forward: ipvs.Masquerade})
		s.Checks[a] = []healthcheck.Check{check}
	}
	return s
}

// TestExamplesAllCovered fails when an example is added without a test.
func TestExamplesAllCovered(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".hcl") {
			got = append(got, e.Name())
		}
	}
	if diff := cmp.Diff([]string{"lvs-dr.hcl", "lvs-nat.hcl", "two-directors.hcl"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
