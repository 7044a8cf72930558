//go:build !race

package system

import (
	"fmt"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// testExampleDirectRouting runs the classic as it is shipped: two directors,
// two real servers with "Still alive", the fallback when both say otherwise.
func testExampleDirectRouting(t *testing.T) {
	const address = "192.168.0.200:80"
	l := lab.New(t)
	l.Bridge("lan", "192.168.0.0/24")
	lb1, lb2 := l.Host("lb1", "lan", "192.168.0.10/24"), l.Host("lb2", "lan", "192.168.0.20/24")
	b := &balancer{t: t, net: l, lb: lb1, client: l.Host("client", "lan", "192.168.0.50/24")}
	for i, own := range []string{"192.168.0.110", "192.168.0.120"} {
		rs := l.Host(fmt.Sprintf("rs%d", i+1), "lan", own+"/24")
		rs.ServeDirect("192.168.0.200")
		b.webs = append(b.webs, rs.WebServer(":80", "Still alive"))
	}
	owners := l.Ownership("192.168.0.200", lb1, lb2)
	for _, lb := range []*lab.Host{lb1, lb2} {
		lb.Vipd(example(t, "lvs-dr.hcl"))
		lb.WebServer(":80", "sorry")
	}
	lab.WaitFor(t, "lb1 has the VIP", settle, func() error { return owners.Only(lb1) })
	b.weights(address, map[string]int{"192.168.0.110:80": 1, "192.168.0.120:80": 1})
	if v, _ := lb1.VirtualServer(address); v.Scheduler != "wlc" || v.Reals[0].Forward != "Route" {
		t.Errorf("virtual server = %+v, want wlc and direct routing", v)
	}
	if by := b.answers(address, 10); by["rs1"] == 0 || by["rs2"] == 0 {
		t.Errorf("answers = %v, want both", by)
	}
	b.webs[0].SetBody("I am ill")
	b.weights(address, map[string]int{"192.168.0.110:80": 0, "192.168.0.120:80": 1})
	b.webs[1].Stop()
	b.weights(address, map[string]int{"192.168.0.110:80": 0, "192.168.0.120:80": 0, "127.0.0.1:80": 1})
	if by := b.answers(address, 3); by["lb1"] != 3 {
		t.Errorf("answers = %v, want the fallback's", by)
	}
}

// testExampleNAT runs the other classic: the real servers stand behind the
// directors, whose inside VIP is their default route.
func testExampleNAT(t *testing.T) {
	const address = "192.168.0.200:80"
	l := lab.New(t)
	l.Bridge("outside", "192.168.0.0/24")
	l.Bridge("inside", "10.0.0.0/24")
	lb1 := l.Host("lb1", "outside", "192.168.0.10/24")
	lb1.Attach("inside", "10.0.0.2/24")
	lb1.Sysctl("net.ipv4.ip_forward", "1")
	b := &balancer{t: t, net: l, lb: lb1, client: l.Host("client", "outside", "192.168.0.50/24")}
	want := map[string]int{}
	for i := range 6 {
		own := fmt.Sprintf("10.0.0.%d", 11+i)
		rs := l.Host(fmt.Sprintf("rs%d", i+1), "inside", own+"/24")
		rs.DefaultRoute("10.0.0.1")
		b.webs = append(b.webs, rs.WebServer(":80", ""))
		want[own+":80"] = 1 + i/4 // the last two take twice the load
	}
	lb1.Vipd(example(t, "lvs-nat.hcl"))
	b.weights(address, want)
	owners := l.Ownership("192.168.0.200", lb1)
	lab.WaitFor(t, "lb1 has the VIP", settle, func() error { return owners.Only(lb1) })
	lab.WaitFor(t, "the VIP answers", settle, func() error { return b.client.Fetch(address).Err })
	by := b.answers(address, 16)
	for i := range 6 {
		if got, share := by[fmt.Sprintf("rs%d", i+1)], 2*(1+i/4); got != share {
			t.Errorf("rs%d answered %d of 16, want %d (%v)", i+1, got, share, by)
		}
	}
}
