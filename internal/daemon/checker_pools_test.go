package daemon

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

// A pool keeps its memory through a rename, and a group as long as one of its
// addresses and its name stay. No two virtual servers share a memory.
func TestPoolsStay(t *testing.T) {
	group := func(name string, keys ...string) conf.Service {
		c := ipvs.Config{Name: name, RealServers: []ipvs.RealServer{{Address: netip.MustParseAddrPort("192.0.2.1:80")}}}
		for i, k := range keys {
			if i == 0 {
				c.Key = ipvstest.MustKey(k)
			} else {
				c.Also = append(c.Also, ipvstest.MustKey(k))
			}
		}
		return conf.Service{Config: c}
	}
	const a, b, c = "tcp 192.0.2.9:80", "tcp 192.0.2.10:80", "tcp 192.0.2.11:80"
	for name, tt := range map[string]struct {
		have, want []conf.Service
		stays      []string // names of the new ones, "" for a fresh start
	}{
		"renamed":         {[]conf.Service{group("x", a)}, []conf.Service{group("y", a)}, []string{"x"}},
		"first one goes":  {[]conf.Service{group("x", a, b)}, []conf.Service{group("x", b, c)}, []string{"x"}},
		"another first":   {[]conf.Service{group("x", a)}, []conf.Service{group("x", b, a)}, []string{"x"}},
		"split":           {[]conf.Service{group("x", a, b)}, []conf.Service{group("z", a), group("x", b)}, []string{"x", ""}},
		"swapped names":   {[]conf.Service{group("x", a), group("y", b)}, []conf.Service{group("y", a), group("x", b)}, []string{"x", "y"}},
		"another address": {[]conf.Service{group("x", a)}, []conf.Service{group("x", b)}, []string{""}},
	} {
		var p pools
		p.configure(tt.have, false)
		before := make(map[*poolState]string)
		for _, s := range tt.have {
			before[p.byKey[s.Key]] = s.Name
		}
		p.configure(tt.want, false)
		for i, s := range tt.want {
			if got := before[p.byKey[s.Key]]; got != tt.stays[i] {
				t.Errorf("%s: %s goes on from %q, want %q", name, s.Name, got, tt.stays[i])
			}
		}
	}
}

// Of a new pool, if that is wanted, the real servers are told of that serve
// before a check has said anything, once.
func TestTellFirst(t *testing.T) {
	yes := true
	at := netip.MustParseAddrPort
	service := conf.Service{Config: ipvs.Config{Name: "web", Key: ipvstest.MustKey("tcp 192.0.2.9:80"), RealServers: []ipvs.RealServer{
		{Address: at("192.0.2.1:80"), Weight: 1}, {Address: at("192.0.2.2:80"), Weight: 1, Alpha: &yes}, {Address: at("192.0.2.3:80"), Weight: 1},
	}}}
	for _, tell := range []bool{false, true} {
		var p pools
		p.tellFirst = tell
		p.configure([]conf.Service{service}, true)
		var up []netip.AddrPort
		for range 2 {
			_, news := p.decide(time.Unix(1_000_000, 0), nowhere, true, unjudged{})
			for _, n := range news {
				if n.Kind == ipvs.ServerUp {
					up = append(up, n.Server)
				}
			}
		}
		want := map[bool][]netip.AddrPort{true: {at("192.0.2.1:80"), at("192.0.2.3:80")}}[tell]
		if !slices.Equal(up, want) {
			t.Errorf("tell %t: %v, want %v", tell, up, want)
		}
	}
}

// Whoever cares about the fallback is told that it serves first, also when the
// checks were faster than the table; not by a checker that goes on for another.
func TestFallbackServesFirst(t *testing.T) {
	at := netip.MustParseAddrPort
	service := conf.Service{Config: ipvs.Config{
		Name: "web", Key: ipvstest.MustKey("tcp 192.0.2.9:80"), Alpha: true,
		RealServers: []ipvs.RealServer{{Address: at("192.0.2.1:80"), Weight: 1}}, Fallback: &ipvs.RealServer{Address: at("192.0.2.8:80"), Weight: 1},
	}}
	for _, tt := range []struct {
		name   string
		fresh  bool
		change func(*conf.Service)
		want   [][]ipvs.ChangeKind // of the first pass, and of the next one over what is due
	}{
		{"fresh", true, func(*conf.Service) {}, [][]ipvs.ChangeKind{{ipvs.QuorumLost}, {ipvs.ServerUp, ipvs.QuorumGained}}},
		{"told before", false, func(*conf.Service) {}, [][]ipvs.ChangeKind{{ipvs.ServerUp, ipvs.QuorumGained}, nil}},
		{"no fallback", true, func(s *conf.Service) { s.Fallback = nil }, [][]ipvs.ChangeKind{{ipvs.ServerUp, ipvs.QuorumGained}, nil}},
		{"no alpha", true, func(s *conf.Service) { s.Alpha = false }, [][]ipvs.ChangeKind{{ipvs.QuorumGained}, nil}},
	} {
		var p pools
		is := service
		tt.change(&is)
		p.configure([]conf.Service{is}, tt.fresh)
		for i, want := range tt.want {
			_, news := p.decide(time.Unix(1_000_000, 0), nowhere, i == 0, allUp{})
			var got []ipvs.ChangeKind
			for _, n := range news {
				got = append(got, n.Kind)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: news %v in pass %d, want %v", tt.name, got, i+1, want)
			}
		}
	}
}

// allUp is a judge of checks that found everything up.
type allUp struct{ unjudged }

func (allUp) poolVerdict(conf.Service, netip.AddrPort) ipvs.Verdict { return ipvs.Up }

// unjudged is a judge of checks that have said nothing yet.
type unjudged struct{}

func (unjudged) poolVerdict(conf.Service, netip.AddrPort) ipvs.Verdict { return ipvs.Unknown }

func (unjudged) poolWeight(_ conf.Service, rs ipvs.RealServer) int { return rs.Weight }

func (unjudged) poolIdle(ipvs.ServiceKey, netip.AddrPort) bool { return true }

func (unjudged) poolReason(conf.Service, netip.AddrPort) string { return "" }

// nowhere is a kernel without services.
func nowhere(ipvs.ServiceKey) *ipvs.Entry { return nil }
