package daemon

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/ipvs"
)

// toldRole is a checker role that is told configurations, and the table that a
// writer would make for it. Its probes do not run.
type toldRole struct {
	*checkerRole
	supervisor *link.Peer
	bytes      *atomic.Int64 // that were sent to it
	table      ipvs.Table
}

// counted counts what is written.
type counted struct {
	io.ReadWriteCloser
	bytes *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	c.bytes.Add(int64(len(b)))
	return c.ReadWriteCloser.Write(b)
}

func newToldRole(t testing.TB) *toldRole {
	here, there := net.Pipe()
	r := &toldRole{checkerRole: newCheckerRole(there, Options{OneProcess: true, RuntimeDir: t.TempDir()}), bytes: new(atomic.Int64)}
	r.supervisor = link.New(counted{here, r.bytes}, func(context.Context, string, json.RawMessage) (any, error) { return nil, nil })
	for _, p := range []*link.Peer{r.supervisor, r.peer} {
		go p.Run(t.Context())
		t.Cleanup(p.Close)
	}
	return r
}

// program makes the table what the role wants now: all of it when the writer was
// woken for that, otherwise what may have changed.
func (r *toldRole) program() {
	if r.checkerRole.table.whole.Swap(false) {
		r.table = r.desired(r.table)
		return
	}
	index := r.table.Index()
	for _, e := range r.touched(index) {
		*index.Find(e.Service.Key) = e
	}
}

// knows is everything that a configuration leaves in a role.
func (r *toldRole) knows() map[string]any {
	state := r.state()
	state.Config.Number = 0
	slices.SortFunc(state.Pools, func(a, b poolMemory) int { return a.Key.Address.Compare(b.Key.Address) })
	judged := map[healthcheck.Key][]int{}
	var probes []healthcheck.Key
	for _, p := range r.probes.Status() {
		probes = append(probes, p.Key)
		judged[p.Key] = r.pools.users.of(p.Key)
	}
	return map[string]any{
		"state": state, "probes": probes, "judged": judged, "expire": r.pools.expire, "table": r.table, "next": r.pools.next,
	}
}

// edits are what may happen to a list of virtual servers, at one place.
var edits = map[string]func(t *rapid.T, all []conf.Service, i int) []conf.Service{
	"weight": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		all[i].RealServers[0].Weight = rapid.IntRange(0, 9).Draw(t, "weight")
		return all
	},
	"scheduler": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		all[i].Scheduler = rapid.SampledFrom([]string{"rr", "wlc"}).Draw(t, "scheduler")
		return all
	},
	"persistence": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		all[i].Persistent = time.Minute - all[i].Persistent
		return all
	},
	"suspend": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		all[i].HASuspend = !all[i].HASuspend
		return all
	},
	"removed server": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		if len(all[i].RealServers) > 1 {
			all[i].RealServers = all[i].RealServers[1:]
		}
		return all
	},
	"servers in another order": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		slices.Reverse(all[i].RealServers)
		return all
	},
	"timing": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		for a, checks := range all[i].Checks {
			checks = slices.Clone(checks)
			checks[0].Timing.Interval += time.Second
			all[i].Checks[a] = checks
		}
		return all
	},
	"require": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		all[i].Require = 1 - all[i].Require
		return all
	},
	"name": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		all[i].Name += "x"
		return all
	},
	"removed": func(t *rapid.T, all []conf.Service, i int) []conf.Service { return slices.Delete(all, i, i+1) },
	"moved": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		s := all[i]
		return append([]conf.Service{s}, slices.Delete(all, i, i+1)...)
	},
	"names exchanged": func(t *rapid.T, all []conf.Service, i int) []conf.Service {
		all[0].Name, all[i].Name = all[i].Name, all[0].Name
		return all
	},
	"nothing": func(t *rapid.T, all []conf.Service, i int) []conf.Service { return all },
}

// edited returns services after an edit, or the first ones again.
func edited(t *rapid.T, services, first []conf.Service) []conf.Service {
	if len(services) == 0 || rapid.IntRange(0, 9).Draw(t, "anew") == 0 {
		services = first
	}
	all := slices.Clone(services)
	for i := range all {
		all[i].RealServers, all[i].Checks = slices.Clone(all[i].RealServers), maps.Clone(all[i].Checks)
	}
	edit := rapid.SampledFrom(slices.Sorted(maps.Keys(edits))).Draw(t, "edit")
	return edits[edit](t, all, rapid.IntRange(0, len(all)-1).Draw(t, "where"))
}

// TestCheckerShare: after any configurations, a role that is told the differences
// knows what one knows that is told everything, and makes the same table.
func TestCheckerShare(t *testing.T) {
	first := sharingServices(t)
	part, whole := newToldRole(t), newToldRole(t)
	var share checkerShare
	rapid.Check(t, func(t *rapid.T) {
		cfg := checkerConfig{Services: first, Start: true}
		for range rapid.IntRange(1, 10).Draw(t, "reloads") {
			cfg.Services = edited(t, cfg.Services, first)
			switch rapid.IntRange(0, 9).Draw(t, "and") {
			case 0:
				cfg.IPVS.TellFirst = !cfg.IPVS.TellFirst
			case 1:
				cfg.Overrides = overrideSet{cfg.Overrides.Seq + 1, []override{{Service: "s1", Weight: rapid.IntRange(0, 3).Draw(t, "override")}}}
			case 2, 5:
				cfg.Instances = instanceStates{Seq: cfg.Instances.Seq + 1, Away: []netip.Addr{first[0].Key.Address.Addr()}}
			case 6: // which is told alone as well
				cfg.Instances = instanceStates{Seq: cfg.Instances.Seq + 1, Masters: []string{"a"}}
				for _, r := range []*toldRole{part, whole} {
					if err := r.supervisor.Call(t.Context(), callInstances, cfg.Instances, nil); err != nil {
						t.Fatal(err)
					}
				}
			case 3:
				share.peer = nil // as after a call without an answer
			case 4:
				part.config.Number = 0 // as after an upgrade of the role
			}
			if err := share.tell(part.supervisor, cfg); err != nil {
				t.Fatal(err)
			}
			if err := callConfigured(whole.supervisor, callConfigure, cfg); err != nil {
				t.Fatal(err)
			}
			part.program()
			whole.program()
			if want, got := whole.knows(), part.knows(); !reflect.DeepEqual(want, got) {
				t.Fatalf("(-told everything +told the differences):\n%s", cmp.Diff(want, got, equateAddrs()))
			}
		}
	})
}

// TestRetunedPoolsAreEnough: deciding only about pools that were changed, where a
// probe has news, or where time has passed gives the table and the news that
// deciding about everything gives.
func TestRetunedPoolsAreEnough(t *testing.T) {
	first := sharingServices(t)
	rapid.Check(t, func(t *rapid.T) {
		var whole, part pools
		whole.configure(first, false)
		part.configure(first, false)
		part.probeKeys()
		probes := &said{verdicts: map[healthcheck.Key]ipvs.Verdict{}, weights: map[healthcheck.Key]int{}}
		now, services := time.Unix(1_000_000, 0), first
		have, _ := whole.decide(now, nil, true, probes)
		kept, _ := part.decide(now, nil, true, probes)
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			for _, k := range rapid.SliceOfN(rapid.SampledFrom(whole.probeKeys()), 0, 2).Draw(t, "news of") {
				probes.verdicts[k] = rapid.SampledFrom([]ipvs.Verdict{ipvs.Up, ipvs.Down}).Draw(t, "verdict")
				part.touch(k)
			}
			all := false
			if rapid.Bool().Draw(t, "reload") {
				before := services
				services = edited(t, services, first)
				now, changed, ok := joinRuns(before, serviceRuns(before, services))
				if !ok {
					t.Fatal("the difference is none of that list")
				}
				whole.configure(services, false)
				if all = !part.retune(now, changed); all {
					part.configure(now, false)
					part.probeKeys()
				}
			}
			if len(services) == 0 {
				return
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
			want, news := whole.decide(now, have.Index().Find, true, probes)
			index := kept.Index()
			some, told := part.decide(now, index.Find, all, probes)
			if all {
				kept = some
			} else {
				for _, e := range some {
					*index.Find(e.Service.Key) = e
				}
			}
			if !want.Equal(kept) {
				t.Fatalf("table\n got %+v\nwant %+v", kept, want)
			}
			if d := cmp.Diff(news, told, equateAddrs()); d != "" {
				t.Fatalf("news (-want +got):\n%s", d)
			}
			have = want
		}
	})
}

// TestCheckerIsToldLittle: nothing of what did not change, one virtual server of
// what did.
func TestCheckerIsToldLittle(t *testing.T) {
	role := newToldRole(t)
	var share checkerShare
	tell := func(c *conf.Config) int64 {
		t.Helper()
		role.bytes.Store(0)
		if err := share.tell(role.supervisor, checkerConfig{Services: c.Services}); err != nil {
			t.Fatal(err)
		}
		return role.bytes.Load()
	}
	whole := tell(largeConfig(t, 100, "", 1))
	if n := tell(largeConfig(t, 100, "", 1)); n != 0 {
		t.Errorf("%d bytes about what is the same", n)
	}
	one := largeConfig(t, 100, "", 1)
	one.Services[40].RealServers[2].Weight = 7
	if n := tell(one); n == 0 || n > whole/20 {
		t.Errorf("%d bytes about one weight, %d about everything", n, whole)
	}
	if got := role.config.Services[40].RealServers[2].Weight; got != 7 || len(role.config.Services) != 100 {
		t.Errorf("weight %d among %d virtual servers", got, len(role.config.Services))
	}
	if role.checkerRole.table.whole.Store(false); role.amend(checkerAmendment{Base: 77}) == nil {
		t.Error("an amendment of another configuration is taken")
	}
}
