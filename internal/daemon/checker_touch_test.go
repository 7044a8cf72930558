package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// said answers for the probes and counts how often it is asked.
type said struct {
	verdicts map[healthcheck.Key]ipvs.Verdict
	weights  map[healthcheck.Key]int
	asked    int
}

func (s *said) poolVerdict(svc conf.Service, a netip.AddrPort) ipvs.Verdict {
	s.asked++
	all := ipvs.Up
	for k := range healthcheck.Keys(svc.Checks[a], a) {
		if v := s.verdicts[k]; v != ipvs.Up {
			all = v
		}
	}
	return all
}

func (s *said) poolWeight(svc conf.Service, rs ipvs.RealServer) int {
	w := rs.Weight
	for k := range healthcheck.Keys(svc.Checks[rs.Address], rs.Address) {
		w += s.weights[k]
	}
	return w
}

func (s *said) poolReason(conf.Service, netip.AddrPort) string { return "" }

func (s *said) poolIdle(ipvs.ServiceKey, netip.AddrPort) bool { return true }

// sharingServices are virtual servers of every kind of memory over the same
// few targets, so that one probe judges several of them.
func sharingServices(t *testing.T) []conf.Service {
	var b strings.Builder
	b.WriteString("version = 1\n")
	for i, extra := range []string{"", `slow_start = "20s"`, "min_up = 1", "quorum {\n  up = 2\n  hysteresis = 1\n }\n fallback = \"10.0.9.9:80\"", "alpha = true", "quiescent = false"} {
		fmt.Fprintf(&b, "virtual_server \"s%d\" {\n address = \"192.0.2.%d:80\"\n forward = \"masquerade\"\n %s\n", i, i+1, extra)
		for j := range 3 {
			fmt.Fprintf(&b, " real_server \"10.0.0.%d:80\" {\n  check \"tcp\" {\n   interval = \"%ds\"\n   timeout = \"1s\"\n  }\n }\n", 1+(i+j)%4, 1+i%2)
		}
		b.WriteString("}\n")
	}
	return loadHCL(t, b.String()).Services
}

// TestTouchedPoolsAreEnough: deciding only where a probe has news or time has
// passed gives, after any history, the table and the news that deciding about
// everything gives.
func TestTouchedPoolsAreEnough(t *testing.T) {
	services := sharingServices(t)
	rapid.Check(t, func(t *rapid.T) {
		var whole, part pools
		whole.configure(services, false)
		part.configure(services, false)
		keys := part.probeKeys()
		probes := &said{verdicts: map[healthcheck.Key]ipvs.Verdict{}, weights: map[healthcheck.Key]int{}}
		now := time.Unix(1_000_000, 0)
		have, _ := whole.decide(now, nil, true, probes)
		kept, _ := part.decide(now, nil, true, probes)
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			for _, k := range rapid.SliceOfN(rapid.SampledFrom(keys), 0, 2).Draw(t, "news of") {
				probes.verdicts[k] = rapid.SampledFrom([]ipvs.Verdict{ipvs.Up, ipvs.Down}).Draw(t, "verdict")
				probes.weights[k] = rapid.IntRange(0, 2).Draw(t, "weight")
				part.touch(k)
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
			want, news := whole.decide(now, have.Index().Find, true, probes)
			index := kept.Index()
			some, told := part.decide(now, index.Find, false, probes)
			for _, e := range some {
				*index.Find(e.Service.Key) = e
			}
			if !want.Equal(kept) {
				t.Fatalf("table\n got %+v\nwant %+v", kept, want)
			}
			if d := cmp.Diff(news, told, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
				t.Fatalf("news (-want +got):\n%s", d)
			}
			if whole.next != part.next {
				t.Fatalf("next %v, want %v", part.next, whole.next)
			}
			have = want
		}
	})
}

// TestVerdictCostsItsPools: a verdict makes a pool of a large table be looked
// at, not the table.
func TestVerdictCostsItsPools(t *testing.T) {
	services := largeConfig(t, 100, "", 1).Services
	var p pools
	p.configure(services, false)
	keys := p.probeKeys()
	probes := &said{verdicts: map[healthcheck.Key]ipvs.Verdict{}}
	for _, k := range keys {
		probes.verdicts[k] = ipvs.Up
	}
	now := time.Unix(1_000_000, 0)
	have, _ := p.decide(now, nil, true, probes)
	if want := 100 * serversEach; probes.asked != want {
		t.Fatalf("%d real servers were asked about at the start, want %d", probes.asked, want)
	}
	probes.asked = 0
	p.touch(keys[0])
	probes.verdicts[keys[0]] = ipvs.Down
	some, news := p.decide(now, have.Index().Find, false, probes)
	if len(some) != 1 || len(news) != 1 || probes.asked != serversEach {
		t.Errorf("%d services, %d news, %d real servers asked about; want 1, 1, %d", len(some), len(news), probes.asked, serversEach)
	}
	if some, _ := p.decide(now, have.Index().Find, false, probes); len(some) > 0 {
		t.Errorf("nothing is new, and %d services were decided about", len(some))
	}
	p.touch(healthcheck.Key{Target: keys[0].Target})
	if some, _ := p.decide(now, have.Index().Find, false, probes); len(some) > 0 {
		t.Errorf("a probe that judges none touched %d services", len(some))
	}
}
