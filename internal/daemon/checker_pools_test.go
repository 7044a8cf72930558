package daemon

import (
	"net/netip"
	"testing"

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
		p.configure(tt.have)
		before := make(map[*poolState]string)
		for _, s := range tt.have {
			before[p.byKey[s.Key]] = s.Name
		}
		p.configure(tt.want)
		for i, s := range tt.want {
			if got := before[p.byKey[s.Key]]; got != tt.stays[i] {
				t.Errorf("%s: %s goes on from %q, want %q", name, s.Name, got, tt.stays[i])
			}
		}
	}
}
