package ipvs_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
)

var (
	vip   = netip.MustParseAddrPort("192.0.2.9:80")
	one   = netip.MustParseAddrPort("192.0.2.1:80")
	two   = netip.MustParseAddrPort("192.0.2.2:80")
	sorry = netip.MustParseAddrPort("127.0.0.1:80")
)

var compareNetip = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

// web is a virtual server with two real servers and a fallback.
func web(change ...func(*ipvs.Config)) ipvs.Config {
	c := ipvs.Config{
		Name:      "web",
		Key:       ipvs.ServiceKey{Protocol: ipvs.TCP, Address: vip},
		Scheduler: "wlc",
		Quiescent: true,
		RealServers: []ipvs.RealServer{
			{Address: one, Weight: 3, Forward: ipvs.Direct},
			{Address: two, Weight: 5, Forward: ipvs.Direct},
		},
		Fallback: &ipvs.RealServer{Address: sorry, Forward: ipvs.Direct},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func abrupt(c *ipvs.Config)     { c.Quiescent = false }
func noFallback(c *ipvs.Config) { c.Fallback = nil }
func drained(c *ipvs.Config)    { c.RealServers[0].Weight = 0 }
func fallbackTo(a netip.AddrPort, w int) func(*ipvs.Config) {
	return func(c *ipvs.Config) { c.Fallback = &ipvs.RealServer{Address: a, Weight: w, Forward: ipvs.Masquerade} }
}

type weights map[netip.AddrPort]int

func entry(w weights) *ipvs.Entry {
	e := &ipvs.Entry{}
	for a, n := range w {
		e.Destinations = append(e.Destinations, ipvs.Destination{Address: a, Weight: n})
	}
	return e
}

func weightsOf(e ipvs.Entry) weights {
	w := weights{}
	for _, d := range e.Destinations {
		w[d.Address] = d.Weight
	}
	return w
}

// decide asks a pool that has seen nothing yet.
func decide(cfg ipvs.Config, verdict func(netip.AddrPort) ipvs.Verdict, have *ipvs.Entry) ipvs.Decision {
	return ipvs.NewPool(cfg).Decide(ipvs.Inputs{Verdict: verdict, Have: func(ipvs.ServiceKey) *ipvs.Entry { return have }})
}

func verdicts(m map[netip.AddrPort]ipvs.Verdict) func(netip.AddrPort) ipvs.Verdict {
	return func(a netip.AddrPort) ipvs.Verdict { return m[a] }
}

func TestPool(t *testing.T) {
	type v = map[netip.AddrPort]ipvs.Verdict
	const up, down, unknown = ipvs.Up, ipvs.Down, ipvs.Unknown
	for name, tt := range map[string]struct {
		cfg       ipvs.Config
		verdicts  v
		have      *ipvs.Entry
		want      weights
		available int
		fallback  bool
	}{
		"all up": {cfg: web(), verdicts: v{one: up, two: up},
			want: weights{one: 3, two: 5}, available: 2},
		"up wins over a kernel weight": {cfg: web(), verdicts: v{one: up, two: up}, have: entry(weights{one: 0, two: 9}),
			want: weights{one: 3, two: 5}, available: 2},
		"down and quiescent stays with weight 0": {cfg: web(), verdicts: v{one: down, two: up},
			want: weights{one: 0, two: 5}, available: 1},
		"down and not quiescent is removed": {cfg: web(abrupt), verdicts: v{one: down, two: up}, have: entry(weights{one: 3, two: 5}),
			want: weights{two: 5}, available: 1},
		"none left, quiescent": {cfg: web(), verdicts: v{one: down, two: down},
			want: weights{one: 0, two: 0, sorry: 1}, fallback: true},
		"none left, not quiescent": {cfg: web(abrupt), verdicts: v{one: down, two: down},
			want: weights{sorry: 1}, fallback: true},
		"none left, no fallback": {cfg: web(noFallback), verdicts: v{one: down, two: down},
			want: weights{one: 0, two: 0}},
		"back again": {cfg: web(), verdicts: v{one: up, two: down}, have: entry(weights{one: 0, two: 0, sorry: 1}),
			want: weights{one: 3, two: 0}, available: 1},
		"unknown and new is assumed up": {cfg: web(), verdicts: v{one: unknown, two: unknown},
			want: weights{one: 3, two: 5}, available: 2},
		"unknown keeps the kernel's weight": {cfg: web(), verdicts: v{}, have: entry(weights{one: 7, two: 0}),
			want: weights{one: 7, two: 0}, available: 1},
		"unknown and all found dead: the fallback goes on": {cfg: web(), verdicts: v{}, have: entry(weights{one: 0, two: 0, sorry: 1}),
			want: weights{one: 0, two: 0, sorry: 1}, fallback: true},
		"configured weight 0 is not available": {cfg: web(drained), verdicts: v{one: up, two: down},
			want: weights{one: 0, two: 0, sorry: 1}, fallback: true},
		"configured weight 0 wins over the kernel's": {cfg: web(drained), verdicts: v{two: up}, have: entry(weights{one: 4, two: 5}),
			want: weights{one: 0, two: 5}, available: 1},
		"fallback with its own weight": {cfg: web(fallbackTo(sorry, 12)), verdicts: v{one: down, two: down},
			want: weights{one: 0, two: 0, sorry: 12}, fallback: true},
		"fallback is a real server, active": {cfg: web(fallbackTo(one, 0)), verdicts: v{one: down, two: down},
			want: weights{one: 1, two: 0}, fallback: true},
		"fallback is a real server, not quiescent": {cfg: web(abrupt, fallbackTo(one, 0)), verdicts: v{one: down, two: down},
			want: weights{one: 1}, fallback: true},
		"fallback is a real server, not active": {cfg: web(fallbackTo(one, 1)), verdicts: v{one: up, two: down},
			want: weights{one: 3, two: 0}, available: 1},
		"no real servers": {cfg: web(func(c *ipvs.Config) { c.RealServers = nil }),
			want: weights{sorry: 1}, fallback: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := decide(tt.cfg, verdicts(tt.verdicts), tt.have)
			if d := cmp.Diff(tt.want, weightsOf(got.Entries[0])); d != "" {
				t.Errorf("weights (-want +got):\n%s", d)
			}
			if len(got.Servers) != len(tt.cfg.RealServers) || got.Available != tt.available || got.FallbackActive != tt.fallback {
				t.Errorf("real %d, available %d, fallback %t, want %d, %d, %t",
					len(got.Servers), got.Available, got.FallbackActive, len(tt.cfg.RealServers), tt.available, tt.fallback)
			}
		})
	}
}

func TestDesiredAttributes(t *testing.T) {
	cfg := web(func(c *ipvs.Config) {
		c.Key = ipvs.ServiceKey{Protocol: ipvs.UDP, Address: netip.MustParseAddrPort("[::ffff:192.0.2.9]:53")}
		c.Scheduler = "sh"
		c.Persistent = 1500 * time.Millisecond
		c.OnePacket = true
		c.RealServers = []ipvs.RealServer{
			{Address: two, Weight: 1, Forward: ipvs.Tunnel},
			{Address: netip.MustParseAddrPort("[::ffff:192.0.2.1]:80"), Weight: 1, Forward: ipvs.Masquerade},
		}
	})
	asked := map[netip.AddrPort]bool{}
	got := decide(cfg, func(a netip.AddrPort) ipvs.Verdict { asked[a] = true; return ipvs.Up }, nil).Entries[0]
	want := ipvs.Entry{
		Service: ipvs.Service{
			Key:       ipvs.ServiceKey{Protocol: ipvs.UDP, Address: netip.MustParseAddrPort("192.0.2.9:53")},
			Scheduler: "sh", Persistent: 2 * time.Second, OnePacket: true,
		},
		Destinations: []ipvs.Destination{
			{Address: one, Weight: 1, Forward: ipvs.Masquerade},
			{Address: two, Weight: 1, Forward: ipvs.Tunnel},
		},
	}
	if d := cmp.Diff(want, got, compareNetip); d != "" {
		t.Errorf("entry (-want +got):\n%s", d)
	}
	for _, rs := range cfg.RealServers {
		if !asked[rs.Address] {
			t.Errorf("verdict of %s not asked for by its configured address", rs.Address)
		}
	}
}

// A verdict that comes after adoption changes nothing that agrees with it.
func TestDesiredAdoptionSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := genConfig().Draw(t, "config")
		v := map[netip.AddrPort]ipvs.Verdict{}
		for _, rs := range cfg.RealServers {
			v[rs.Address] = rapid.SampledFrom([]ipvs.Verdict{ipvs.Up, ipvs.Down}).Draw(t, "verdict")
		}
		before := decide(cfg, verdicts(v), nil).Entries[0]
		after := decide(cfg, verdicts(v), &before).Entries[0]
		if d := cmp.Diff(before, after, compareNetip); d != "" {
			t.Fatalf("the kernel's table matters although every verdict is known:\n%s", d)
		}
		if !cfg.Quiescent {
			return
		}
		if d := cmp.Diff(before, decide(cfg, verdicts(nil), &before).Entries[0], compareNetip); d != "" {
			t.Fatalf("a restart changes the table before the first verdict:\n%s", d)
		}
	})
}

// The fallback is present exactly when nothing else gets connections.
func TestDesiredFallbackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := genConfig().Draw(t, "config")
		verdict := map[netip.AddrPort]ipvs.Verdict{}
		for _, rs := range cfg.RealServers {
			verdict[rs.Address] = rapid.SampledFrom([]ipvs.Verdict{ipvs.Unknown, ipvs.Up, ipvs.Down}).Draw(t, "verdict")
		}
		e := decide(cfg, verdicts(verdict), nil).Entries[0]
		serving := 0
		for _, rs := range cfg.RealServers {
			if d, ok := e.Destination(rs.Address); ok && d.Weight > 0 {
				serving++
			}
		}
		_, fallback := e.Destination(sorry)
		if want := serving == 0 && cfg.Fallback != nil; fallback != want {
			t.Fatalf("fallback %t with %d serving: %+v", fallback, serving, e)
		}
	})
}

// What a reload says of a weight need not wait for the first result of a check:
// only the weight 0 of a server that was found dead is not touched before.
func TestWeightConfiguredBeforeTheFirstVerdict(t *testing.T) {
	p := ipvs.NewPool(web())
	entry := &ipvs.Entry{Service: p.Decide(ipvs.Inputs{Verdict: verdicts(nil)}).Entries[0].Service, Destinations: []ipvs.Destination{
		{Address: one, Weight: 7, Forward: ipvs.Direct}, {Address: two, Weight: 0, Forward: ipvs.Direct},
	}}
	decide := func() (first, second int) {
		d := p.Decide(ipvs.Inputs{Verdict: verdicts(nil), Have: func(ipvs.ServiceKey) *ipvs.Entry { return entry }})
		return d.Servers[0].Weight, d.Servers[1].Weight
	}
	if first, second := decide(); first != 7 || second != 0 {
		t.Errorf("found by a start: weights %d, %d, want the kernel's 7, 0", first, second)
	}
	p.Configure(web(func(c *ipvs.Config) { c.RealServers[0].Weight, c.RealServers[1].Weight = 4, 4 }))
	if first, second := decide(); first != 4 || second != 0 {
		t.Errorf("configured anew: weights %d, %d, want 4, 0", first, second)
	}
}

func TestNeedTemplateExpiry(t *testing.T) {
	persistent := func(c *ipvs.Config) { c.Persistent = time.Minute }
	for name, tt := range map[string]struct {
		cfgs []ipvs.Config
		want bool
	}{
		"none":                       {},
		"quiescent only":             {cfgs: []ipvs.Config{web()}},
		"persistent only":            {cfgs: []ipvs.Config{web(abrupt, persistent)}},
		"both, but not the same one": {cfgs: []ipvs.Config{web(), web(abrupt, persistent)}},
		"both":                       {cfgs: []ipvs.Config{web(abrupt), web(persistent)}, want: true},
	} {
		if got := ipvs.NeedTemplateExpiry(tt.cfgs); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
