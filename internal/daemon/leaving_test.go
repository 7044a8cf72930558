package daemon

import (
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
)

// TestLeaving: which services stay in the table at a stop, by what they say
// themselves and what is said for all.
func TestLeaving(t *testing.T) {
	yes, no := true, false
	service := func(mark uint32, keep *bool) conf.Service {
		return conf.Service{Config: ipvs.Config{Key: ipvs.ServiceKey{Family: ipvs.IPv4, Mark: mark}}, KeepOnStop: keep}
	}
	services := []conf.Service{service(1, nil), service(2, &yes), service(3, &no)}
	for _, c := range []struct {
		name            string
		all, everything bool
		stays           [3]bool
	}{
		{"by default none", false, false, [3]bool{false, true, false}},
		{"the table", true, false, [3]bool{true, true, false}},
		{"everything", false, true, [3]bool{true, true, true}},
	} {
		how := leaving(&conf.Config{Global: conf.Global{KeepTable: c.all, KeepAll: c.everything}, Services: services})
		for i, s := range services {
			if got := how.stays(s.Key); got != c.stays[i] {
				t.Errorf("%s: service %d stays: %v", c.name, i+1, got)
			}
		}
	}
}
