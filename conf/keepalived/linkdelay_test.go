package keepalived

import (
	"testing"
	"time"
)

func TestLinkDelays(t *testing.T) {
	for lines, want := range map[string]linkDelay{
		"eth0 0.5":           {500 * time.Millisecond, 500 * time.Millisecond},
		"eth0 1 2\neth1 1 1": {time.Second, 2 * time.Second},
		"eth1 1":             {},
	} {
		c := usable(t, "interface_up_down_delays {\n"+lines+"\n}\nvrrp_instance a {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 192.0.2.1/24 }\n}\n")
		if got := (linkDelay{c.Routers[0].LinkDown, c.Routers[0].LinkUp}); got != want {
			t.Errorf("%q: %v, want %v", lines, got, want)
		}
	}
}
