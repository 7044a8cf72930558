package keepalived

import (
	"strings"
	"testing"
	"time"
)

func TestGARPGroup(t *testing.T) {
	instance := "vrrp_instance a {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { ADDRESS }\n}\n"
	for _, tt := range []struct {
		name, text string
		four, six  time.Duration
		pace4      string
		pace6      string
	}{
		{"the interface", "garp_group {\ngarp_interval 0.5\ngna_interval 0.25\ninterface eth0\n}\n", 500 * time.Millisecond, 250 * time.Millisecond, "", ""},
		{"together", "garp_group {\ngarp_interval 0.5\ngna_interval 0.25\ninterfaces {\neth1\neth0\n}\n}\n",
			500 * time.Millisecond, 250 * time.Millisecond, "garp1", "gna1"},
		{"on one line", "garp_group {\ngarp_interval 1\ninterfaces { eth1 eth0 }\n}\n", time.Second, 0, "garp1", ""},
		{"another interface", "global_defs {\nvrrp_garp_interval 2\n}\ngarp_group {\ngarp_interval 1\ninterface eth1\n}\n", 2 * time.Second, 2 * time.Second, "", ""},
		{"before the global one", "global_defs {\nvrrp_garp_interval 2\n}\ngarp_group {\ngarp_interval 1\ninterface eth0\n}\n", time.Second, 0, "", ""},
	} {
		for address, want := range map[string]struct {
			interval time.Duration
			pace     string
		}{"192.0.2.1/24": {tt.four, tt.pace4}, "2001:db8::1/64": {tt.six, tt.pace6}} {
			c := usable(t, tt.text+strings.Replace(instance, "ADDRESS", address, 1))
			if a := c.Routers[0].Announce; a.Interval != want.interval || a.Pace != want.pace {
				t.Errorf("%s, %s: interval %v, pace %q, want %v, %q", tt.name, address, a.Interval, a.Pace, want.interval, want.pace)
			}
		}
	}
}
