package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
)

var (
	realOne = netip.MustParseAddrPort("192.0.2.1:80")
	realTwo = netip.MustParseAddrPort("192.0.2.2:80")
	alsoOne = netip.MustParseAddrPort("192.0.2.1:81")
)

func equateAddrs() cmp.Option {
	return cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})
}

// Overrides outlive the daemon, end by themselves, and the one of a real
// server goes before the one of its service.
func TestOverrideStore(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store, err := openOverrides(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []override{
		{Service: "web", Weight: 0, Since: now},
		{Service: "web", Server: realOne, Weight: 7, Since: now, Until: now.Add(time.Minute)},
		{Service: "dns", Server: realTwo, Weight: 0, Since: now, Until: now.Add(time.Hour)},
	} {
		if err := store.set(o); err != nil {
			t.Fatal(err)
		}
	}
	if store, err = openOverrides(dir); err != nil { // a restart
		t.Fatal(err)
	}
	weights := func(at time.Time) map[string]int {
		out := map[string]int{}
		index := indexOverrides(store.active(at).List)
		for _, service := range []string{"web", "dns"} {
			for _, a := range []netip.AddrPort{realOne, realTwo} {
				if w, ok := index.weight(service, a); ok {
					out[service+" "+a.String()] = w
				}
			}
		}
		return out
	}
	want := map[string]int{"web 192.0.2.1:80": 7, "web 192.0.2.2:80": 0, "dns 192.0.2.2:80": 0}
	if diff := cmp.Diff(want, weights(now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want["web 192.0.2.1:80"] = 0 // that of the service
	if diff := cmp.Diff(want, weights(now.Add(time.Minute))); diff != "" {
		t.Errorf("after a minute (-want +got):\n%s", diff)
	}
	ended, next, err := store.expire(now.Add(time.Minute))
	if err != nil || len(ended) != 1 || ended[0].Server != realOne || !next.Equal(now.Add(time.Hour)) {
		t.Errorf("ended %v, next %s, %v", ended, next, err)
	}
	if found, err := store.clear("web", realOne); found || err != nil {
		t.Errorf("cleared what is not there: %t, %v", found, err)
	}
	if found, err := store.clear("web", netip.AddrPort{}); !found || err != nil {
		t.Errorf("clear: %t, %v", found, err)
	}
	if diff := cmp.Diff(map[string]int{"dns 192.0.2.2:80": 0}, weights(now)); diff != "" {
		t.Errorf("after clear (-want +got):\n%s", diff)
	}
}

// A drain of the whole service replaces what its real servers had.
func TestOverrideOfServiceReplaces(t *testing.T) {
	store, err := openOverrides(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []override{{Service: "web", Server: realOne, Weight: 9}, {Service: "web"}} {
		if err := store.set(o); err != nil {
			t.Fatal(err)
		}
	}
	got := store.active(time.Now())
	if diff := cmp.Diff(overrideSet{Seq: 2, List: []override{{Service: "web"}}}, got, equateAddrs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The later set wins, whichever arrives last.
func TestOverridesInOrder(t *testing.T) {
	var p pools
	p.override(overrideSet{Seq: 2, List: []override{{Service: "web", Weight: 2}}})
	p.override(overrideSet{Seq: 1, List: []override{{Service: "web", Weight: 1}}})
	if w, _ := p.overrides.weight("web", realOne); w != 2 {
		t.Errorf("weight %d", w)
	}
}

func TestOverrideTarget(t *testing.T) {
	cfg := &conf.Config{Services: []conf.Service{{
		Config:    ipvs.Config{Name: "web", RealServers: []ipvs.RealServer{{Address: realOne}, {Address: alsoOne}, {Address: realTwo}}},
		HostNames: map[netip.AddrPort]string{realTwo: "two.example.com"},
	}}}
	for target, want := range map[string]string{
		"web":                   "web invalid AddrPort",
		"web/192.0.2.2:80":      "web 192.0.2.2:80",
		"web/192.0.2.2":         "web 192.0.2.2:80",
		"web/two.example.com":   "web 192.0.2.2:80",
		"web/192.0.2.1":         `virtual server "web" has 2 real servers "192.0.2.1": name the port`,
		"web/192.0.2.9":         `virtual server "web" has no real server "192.0.2.9"`,
		"wbe":                   `there is no virtual server called "wbe"`,
		"web/":                  `virtual server "web" has no real server ""`,
		"nosuch/192.0.2.1:80":   `there is no virtual server called "nosuch"`,
		"web/one/192.0.2.1:80":  `virtual server "web" has no real server "one/192.0.2.1:80"`,
		"web/[::ffff:1.2.3.4]:": `virtual server "web" has no real server "[::ffff:1.2.3.4]:"`,
	} {
		service, server, err := overrideTarget(cfg, target)
		got := service + " " + server.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

// TestStrayOverride: an override of what is no longer configured shows, and can
// be taken back.
func TestStrayOverride(t *testing.T) {
	store, err := openOverrides(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []override{{Service: "web"}, {Service: "gone"}, {Service: "gone", Server: netip.MustParseAddrPort("192.0.2.1:80")}} {
		store.list = append(store.list, o)
	}
	cfg := &conf.Config{Services: []conf.Service{webService(func(*conf.Service) {})}}
	if got := store.strays(cfg, time.Now()); len(got) != 2 {
		t.Errorf("strays %v", got)
	}
	s := &supervisor{cfg: cfg, overrides: store}
	for target, server := range map[string]string{"gone": "invalid AddrPort", "gone/192.0.2.1:80": "192.0.2.1:80", "gone/192.0.2.1": "192.0.2.1:80"} {
		service, a, err := s.overrideOrStray(target)
		if err != nil || service != "gone" || a.String() != server {
			t.Errorf("%s: %s %s, %v", target, service, a, err)
		}
		if _, _, err := s.overrideTarget(target); err == nil {
			t.Errorf("%s can be set", target)
		}
	}
	if _, _, err := s.overrideOrStray("never/192.0.2.1"); err == nil {
		t.Error("an override of nothing was found")
	}
}
