package ipvs_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

// story drives one pool through time. The kernel holds what was decided last.
type story struct {
	*testing.T
	pool     *ipvs.Pool
	in       ipvs.Inputs
	verdict  map[netip.AddrPort]ipvs.Verdict
	override map[netip.AddrPort]int
	table    ipvs.Table
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newStory(t *testing.T, cfg ipvs.Config) *story {
	s := &story{T: t, pool: ipvs.NewPool(cfg), verdict: map[netip.AddrPort]ipvs.Verdict{}, override: map[netip.AddrPort]int{}}
	s.in = ipvs.Inputs{
		Now:     epoch,
		Verdict: func(a netip.AddrPort) ipvs.Verdict { return s.verdict[a] },
		Override: func(a netip.AddrPort) (int, bool) {
			w, ok := s.override[a]
			return w, ok
		},
		Have: func(k ipvs.ServiceKey) *ipvs.Entry { return s.table.Find(k) },
	}
	return s
}

// all gives every real server the verdict.
func (s *story) all(v ipvs.Verdict, servers ...netip.AddrPort) {
	for _, a := range servers {
		s.verdict[a] = v
	}
}

// after decides d later and returns what the kernel then has.
func (s *story) after(d time.Duration) ipvs.Decision {
	s.Helper()
	s.in.Now = s.in.Now.Add(d)
	out := s.pool.Decide(s.in)
	s.table = out.Entries
	again := s.pool.Decide(s.in)
	if diff := cmp.Diff(out.Entries, again.Entries, compareNetip); diff != "" || len(again.Changes) > 0 {
		s.Errorf("asked twice at the same moment, %v news and (-first +second):\n%s", again.Changes, diff)
	}
	return out
}

func (s *story) expect(d ipvs.Decision, want weights) {
	s.Helper()
	if diff := cmp.Diff(want, weightsOf(d.Entries[0])); diff != "" {
		s.Errorf("weights (-want +got):\n%s", diff)
	}
}

func kinds(d ipvs.Decision) []ipvs.ChangeKind {
	var out []ipvs.ChangeKind
	for _, c := range d.Changes {
		out = append(out, c.Kind)
	}
	return out
}

func reasons(d ipvs.Decision) []ipvs.Reason {
	var out []ipvs.Reason
	for _, s := range d.Servers {
		out = append(out, s.Reason)
	}
	return out
}

func TestQuorum(t *testing.T) {
	s := newStory(t, web(func(c *ipvs.Config) { c.Quorum, c.Hysteresis = 5, 2 })) // weights 3 and 5
	d := s.after(0)
	if len(d.Changes) != 0 || !d.Quorum {
		t.Errorf("before any verdict: %+v", d)
	}
	steps := []struct {
		one, two ipvs.Verdict
		quorum   bool
		changes  []ipvs.ChangeKind
		want     weights
	}{
		{ipvs.Up, ipvs.Up, true, []ipvs.ChangeKind{ipvs.QuorumGained}, weights{one: 3, two: 5}},
		{ipvs.Up, ipvs.Down, true, []ipvs.ChangeKind{ipvs.ServerDown}, weights{one: 3, two: 0}}, // 3 ≥ 5-2
		{ipvs.Down, ipvs.Down, false, []ipvs.ChangeKind{ipvs.ServerDown, ipvs.QuorumLost}, weights{one: 0, two: 0, sorry: 1}},
		{ipvs.Down, ipvs.Up, false, []ipvs.ChangeKind{ipvs.ServerUp}, weights{one: 0, two: 0, sorry: 1}}, // 5 < 5+2
		{ipvs.Up, ipvs.Up, true, []ipvs.ChangeKind{ipvs.ServerUp, ipvs.QuorumGained}, weights{one: 3, two: 5}},
	}
	for i, step := range steps {
		s.verdict[one], s.verdict[two] = step.one, step.two
		d := s.after(time.Second)
		if d.Quorum != step.quorum || !slices.Equal(kinds(d), step.changes) {
			t.Errorf("step %d: quorum %t %v, want %t %v", i, d.Quorum, kinds(d), step.quorum, step.changes)
		}
		s.expect(d, step.want)
	}
}

// Without a fallback those that are left serve, quorum or not.
func TestNoQuorumNoFallback(t *testing.T) {
	s := newStory(t, web(noFallback, func(c *ipvs.Config) { c.Quorum = 6 }))
	s.verdict[one], s.verdict[two] = ipvs.Up, ipvs.Down
	d := s.after(0)
	s.expect(d, weights{one: 3, two: 0})
	if d.Quorum || d.FallbackActive || d.Available != 1 {
		t.Errorf("%+v", d)
	}
}

func TestFallbackInhibit(t *testing.T) {
	s := newStory(t, web(func(c *ipvs.Config) { c.FallbackInhibit = true }))
	s.all(ipvs.Up, one, two)
	s.expect(s.after(0), weights{one: 3, two: 5, sorry: 0})
	s.all(ipvs.Down, one, two)
	s.expect(s.after(1), weights{one: 0, two: 0, sorry: 1})
}

// A change of the configuration keeps verdicts, and the quorum without news.
func TestConfigureKeepsMemory(t *testing.T) {
	cfg := web()
	s := newStory(t, cfg)
	s.verdict[one], s.verdict[two] = ipvs.Up, ipvs.Down
	s.after(0)
	cfg.Scheduler = "rr"
	cfg.RealServers[0].Weight = 9
	s.pool.Configure(cfg)
	d := s.after(1)
	if len(d.Changes) > 0 {
		t.Errorf("news: %v", d.Changes)
	}
	s.expect(d, weights{one: 9, two: 0})
}

func TestQuiescencePerServer(t *testing.T) {
	yes, no := true, false
	s := newStory(t, web(noFallback, func(c *ipvs.Config) {
		c.RealServers[0].Quiescent, c.RealServers[1].Quiescent = &no, &yes
		c.Quiescent = false
	}))
	s.all(ipvs.Down, one, two)
	s.expect(s.after(0), weights{two: 0})
}

func TestAlpha(t *testing.T) {
	s := newStory(t, web(func(c *ipvs.Config) { c.Alpha = true }))
	d := s.after(0)
	s.expect(d, weights{one: 0, two: 0, sorry: 1})
	if !slices.Equal(reasons(d), []ipvs.Reason{ipvs.ReasonUnproven, ipvs.ReasonUnproven}) {
		t.Errorf("%v", reasons(d))
	}
	s.verdict[one] = ipvs.Up
	s.expect(s.after(1), weights{one: 3, two: 0})

	// What serves in the kernel has been proven in an earlier life.
	again := newStory(t, web(func(c *ipvs.Config) { c.Alpha = true }))
	again.table = s.table
	again.expect(again.after(0), weights{one: 3, two: 0})
}

// TestKeepalived_QuorumAtStart: with alpha, whoever cares about the quorum is
// told at once that the fallback serves; without a fallback, and while the
// service is suspended, when all is known. Who starts out is news when it is up
// for the first time.
func TestKeepalived_QuorumAtStart(t *testing.T) {
	lost, gained, up := []ipvs.ChangeKind{ipvs.QuorumLost}, []ipvs.ChangeKind{ipvs.QuorumGained}, []ipvs.ChangeKind{ipvs.ServerUp}
	for _, tt := range []struct {
		name             string
		change           func(*ipvs.Config)
		suspended        bool
		start, one, both []ipvs.ChangeKind // news at the start, with one real server up, with both
	}{
		{"alpha", func(c *ipvs.Config) { c.Alpha = true }, false, lost, slices.Concat(up, gained), up},
		{"alpha without a fallback", func(c *ipvs.Config) { c.Alpha, c.Fallback = true, nil }, false, nil, up, slices.Concat(up, gained)},
		{"alpha, suspended", func(c *ipvs.Config) { c.Alpha = true }, true, nil, nil, nil},
		{"no alpha", func(*ipvs.Config) {}, false, nil, nil, gained},
	} {
		pool, verdict := ipvs.NewPool(web(tt.change)), map[netip.AddrPort]ipvs.Verdict{}
		for i, want := range [][]ipvs.ChangeKind{tt.start, tt.one, tt.both} {
			if i > 0 {
				verdict[[]netip.AddrPort{one, two}[i-1]] = ipvs.Up
			}
			d := pool.Decide(ipvs.Inputs{Now: epoch, Verdict: verdicts(verdict), Suspended: tt.suspended})
			if !slices.Equal(kinds(d), want) {
				t.Errorf("%s: news %v with %d up, want %v", tt.name, kinds(d), i, want)
			}
		}
	}
}

func TestOverride(t *testing.T) {
	s := newStory(t, web())
	s.all(ipvs.Up, one, two)
	s.override[one], s.override[two] = 0, 40
	d := s.after(0)
	s.expect(d, weights{one: 0, two: 40})
	if !slices.Equal(reasons(d), []ipvs.Reason{ipvs.ReasonDrained, ipvs.ReasonOverride}) {
		t.Errorf("reasons %v", reasons(d))
	}
	s.verdict[two] = ipvs.Down // an operator's weight wakes no dead server
	s.expect(s.after(1), weights{one: 0, two: 0, sorry: 1})
	clear(s.override)
	s.expect(s.after(1), weights{one: 3, two: 0})
}

func TestCheckWeights(t *testing.T) {
	s := newStory(t, web())
	s.all(ipvs.Up, one, two)
	s.in.Weight = func(rs ipvs.RealServer) int { return rs.Weight * 10 }
	s.expect(s.after(0), weights{one: 30, two: 50})
	s.override[one] = 7
	s.expect(s.after(1), weights{one: 7, two: 50})
}

// Suspended, a pool stays as it is whatever the resting checks say.
func TestSuspended(t *testing.T) {
	s := newStory(t, web())
	s.verdict[one], s.verdict[two] = ipvs.Up, ipvs.Down
	s.after(0)
	s.in.Suspended = true
	clear(s.verdict)
	d := s.after(time.Hour)
	s.expect(d, weights{one: 3, two: 0})
	s.override[one] = 1
	s.expect(s.after(1), weights{one: 1, two: 0})
}

func TestSlowStart(t *testing.T) {
	const ramp = 20 * time.Second
	s := newStory(t, web(func(c *ipvs.Config) { c.SlowStart = ramp; c.RealServers[0].Weight = 100 }))
	s.all(ipvs.Up, one, two)
	if d := s.after(0); d.Servers[0].Weight != 100 || !d.Next.IsZero() {
		t.Errorf("a start is no recovery: %+v", d.Servers[0])
	}
	s.verdict[one] = ipvs.Down
	s.after(time.Second)
	s.verdict[one] = ipvs.Up
	d := s.after(time.Second)
	begin, last := s.in.Now, 0
	for !d.Next.IsZero() {
		w := d.Servers[0].Weight
		if w < last || w < 1 || w > 100 || d.Servers[0].Reason != ipvs.ReasonSlowStart {
			t.Fatalf("%s after the recovery weight %d (%s), before %d", s.in.Now.Sub(begin), w, d.Servers[0].Reason, last)
		}
		if !d.Next.After(s.in.Now) {
			t.Fatalf("next decision at %s, it is %s", d.Next, s.in.Now)
		}
		last = w
		d = s.after(d.Next.Sub(s.in.Now))
	}
	if took := s.in.Now.Sub(begin); took != ramp || d.Servers[0].Weight != 100 || last < 90 {
		t.Errorf("after %s weight %d, the step before %d", took, d.Servers[0].Weight, last)
	}
}

// A slow start does not cost the quorum that the recovery gives.
func TestSlowStartCountsInFull(t *testing.T) {
	s := newStory(t, web(func(c *ipvs.Config) { c.SlowStart, c.Quorum = time.Minute, 8 }))
	s.verdict[one], s.verdict[two] = ipvs.Down, ipvs.Up
	s.after(0)
	s.verdict[one] = ipvs.Up
	if d := s.after(1); !d.Quorum || d.Servers[0].Weight != 1 {
		t.Errorf("%+v", d)
	}
}

func TestMinUp(t *testing.T) {
	cfg := web(func(c *ipvs.Config) { c.MinUp.Count = 1 })
	s := newStory(t, cfg)
	s.all(ipvs.Up, one, two)
	s.after(0)
	s.verdict[two] = ipvs.Down
	s.after(time.Second)
	s.verdict[one] = ipvs.Down // the last one stays
	d := s.after(time.Second)
	s.expect(d, weights{one: 3, two: 0})
	if !slices.Equal(reasons(d), []ipvs.Reason{ipvs.ReasonHeld, ipvs.ReasonDown}) {
		t.Errorf("reasons %v", reasons(d))
	}
	s.verdict[two] = ipvs.Up
	s.expect(s.after(time.Second), weights{one: 0, two: 5})
}

// Nobody holds in what never served.
func TestMinUpHoldsNothingUnproven(t *testing.T) {
	s := newStory(t, web(func(c *ipvs.Config) { c.MinUp.Percent, c.Alpha = 100, true }))
	s.expect(s.after(0), weights{one: 0, two: 0, sorry: 1})
	s.all(ipvs.Down, one, two)
	s.expect(s.after(1), weights{one: 0, two: 0, sorry: 1})
}

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		share   ipvs.Share
		n, want int
	}{
		{ipvs.Share{}, 5, 0}, {ipvs.Share{Count: 2}, 5, 2}, {ipvs.Share{Count: 9}, 5, 5},
		{ipvs.Share{Percent: 50}, 5, 3}, {ipvs.Share{Percent: 100}, 5, 5}, {ipvs.Share{Percent: 1}, 5, 1}, {ipvs.Share{Percent: 50}, 0, 0},
	} {
		if got := tt.share.Of(tt.n); got != tt.want {
			t.Errorf("%+v of %d is %d, want %d", tt.share, tt.n, got, tt.want)
		}
	}
}

// A group: every service gets the same real servers, those without a port of
// their own on the port of the service.
func TestGroup(t *testing.T) {
	https := netip.MustParseAddrPort("192.0.2.9:443")
	s := newStory(t, web(func(c *ipvs.Config) {
		c.Also = []ipvs.ServiceKey{{Protocol: ipvs.TCP, Address: https}, ipvs.MarkKey(7, ipvs.IPv4)}
		c.RealServers[0].ServicePort = true
	}))
	s.verdict[one], s.verdict[two] = ipvs.Up, ipvs.Down
	d := s.after(0)
	want := map[string]weights{
		"tcp 192.0.2.9:80":  {one: 3, two: 0},
		"tcp 192.0.2.9:443": {netip.MustParseAddrPort("192.0.2.1:443"): 3, two: 0},
		"fwmark 7":          {netip.MustParseAddrPort("192.0.2.1:0"): 3, two: 0},
	}
	got := map[string]weights{}
	for _, e := range d.Entries {
		got[e.Service.Key.String()] = weightsOf(e)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d.Available != 1 || d.Weight != 3 {
		t.Errorf("available %d, weight %d", d.Available, d.Weight)
	}
}

// genRules draws a configuration with all rules that have a memory.
func genRules() *rapid.Generator[ipvs.Config] {
	return rapid.Custom(func(t *rapid.T) ipvs.Config {
		c := genConfig().Draw(t, "config")
		c.Quorum = rapid.IntRange(0, 6).Draw(t, "quorum")
		c.Hysteresis = rapid.IntRange(0, 2).Draw(t, "hysteresis")
		c.Alpha = rapid.Bool().Draw(t, "alpha")
		c.SlowStart = time.Duration(rapid.IntRange(0, 2).Draw(t, "slow start")) * 10 * time.Second
		c.MinUp.Percent = rapid.SampledFrom([]int{0, 34, 50, 100}).Draw(t, "min up")
		c.FallbackInhibit = rapid.Bool().Draw(t, "inhibit")
		return c
	})
}

// What holds for every pool at every moment of every history.
func TestPoolRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := genRules().Draw(t, "config")
		pool := ipvs.NewPool(cfg)
		now, quorum, known := epoch, false, false
		var table ipvs.Table
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "seconds")) * time.Second)
			verdict := map[netip.AddrPort]ipvs.Verdict{}
			for _, rs := range cfg.RealServers {
				v := rapid.SampledFrom([]ipvs.Verdict{ipvs.Unknown, ipvs.Up, ipvs.Down}).Draw(t, "verdict")
				if known && v == ipvs.Unknown {
					v = ipvs.Up // checks make up their mind once
				}
				verdict[rs.Address] = v
			}
			d := pool.Decide(ipvs.Inputs{Now: now, Verdict: verdicts(verdict), Have: table.Find})
			table = d.Entries
			checkDecision(t, cfg, d, verdict)
			for _, c := range d.Changes {
				switch c.Kind {
				case ipvs.QuorumGained, ipvs.QuorumLost:
					if known && (c.Kind == ipvs.QuorumGained) == quorum {
						t.Fatalf("news %s, and it was so", c.Kind)
					}
					quorum, known = c.Kind == ipvs.QuorumGained, true
				}
			}
			if known && quorum != d.Quorum {
				t.Fatalf("quorum %t, by the news %t", d.Quorum, quorum)
			}
			if !d.Next.IsZero() && !d.Next.After(now) {
				t.Fatalf("next decision at %s, it is %s", d.Next, now)
			}
		}
	})
}

func checkDecision(t *rapid.T, cfg ipvs.Config, d ipvs.Decision, verdict map[netip.AddrPort]ipvs.Verdict) {
	e := d.Entries[0]
	if d.FallbackActive != (!d.Quorum && cfg.Fallback != nil) {
		t.Fatalf("fallback %t, quorum %t", d.FallbackActive, d.Quorum)
	}
	if cfg.Fallback != nil {
		f, in := e.Destination(sorry)
		if in != (d.FallbackActive || cfg.FallbackInhibit) || (f.Weight > 0) != d.FallbackActive {
			t.Fatalf("fallback active %t, in the table %t with weight %d", d.FallbackActive, in, f.Weight)
		}
	}
	var out, capable int
	for i, rs := range cfg.RealServers {
		s, v := d.Servers[i], verdict[rs.Address]
		dst, in := e.Destination(rs.Address)
		if s.Address != rs.Address || in != s.Present || dst.Weight != s.Weight {
			t.Fatalf("decision %+v, table %t %+v", s, in, dst)
		}
		if v == ipvs.Up && !in && !d.FallbackActive {
			t.Fatalf("%s is up and not in the table", rs.Address)
		}
		if v == ipvs.Down && s.Weight > 0 && s.Reason != ipvs.ReasonHeld {
			t.Fatalf("%s is down with weight %d (%s)", rs.Address, s.Weight, s.Reason)
		}
		if rs.Weight > 0 {
			capable++
			if s.Reason == ipvs.ReasonDown {
				out++
			}
		}
	}
	if !cfg.Alpha && out > capable-cfg.MinUp.Of(capable) {
		t.Fatalf("checks took out %d of %d with min up %+v", out, capable, cfg.MinUp)
	}
}

func TestSchedulerFlags(t *testing.T) {
	for _, tt := range []struct {
		scheduler, word string
		want            ipvs.SchedulerFlags
		ok              bool
	}{
		{"sh", "sh-port", ipvs.SchedulerFlag2, true}, {"sh", "sh-fallback", ipvs.SchedulerFlag1, true},
		{"mh", "mh-port", ipvs.SchedulerFlag2, true}, {"mh", "sh-port", 0, false},
		{"rr", "flag-3", ipvs.SchedulerFlag3, true}, {"rr", "nosuch", 0, false},
	} {
		got, err := ipvs.ParseSchedulerFlag(tt.scheduler, tt.word)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s %s: %#x, %v", tt.scheduler, tt.word, got, err)
		}
	}
	for _, word := range ipvs.SchedulerFlagWords() {
		scheduler, _, _ := cutFlag(word)
		bit, err := ipvs.ParseSchedulerFlag(scheduler, word)
		if err != nil || bit.String() == "" {
			t.Errorf("%s: %s, %v", word, bit, err)
		}
	}
}

// cutFlag returns the scheduler that a word names, or rr.
func cutFlag(word string) (scheduler, rest string, ok bool) {
	for _, s := range []string{"sh", "mh"} {
		if len(word) > 2 && word[:3] == s+"-" {
			return s, word[3:], true
		}
	}
	return "rr", word, false
}

func TestServiceKeyText(t *testing.T) {
	for _, text := range []string{"tcp 192.0.2.9:80", "udp [2001:db8::9]:53", "sctp 192.0.2.9:0", "fwmark 7", "fwmark6 4294967295"} {
		k := ipvstest.MustKey(text)
		if k.String() != text || !k.IsValid() {
			t.Errorf("%q became %q", text, k)
		}
	}
	for _, text := range []string{"fwmark 0", "fwmark x", "icmp 192.0.2.9:80", "tcp", "tcp 192.0.2.9"} {
		if err := new(ipvs.ServiceKey).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if !ipvs.MarkKey(1, ipvs.IPv6).IPv6() || ipvs.MarkKey(1, ipvs.IPv4).IPv6() || !ipvstest.MustKey("tcp [::1]:1").IPv6() {
		t.Error("families")
	}
}
