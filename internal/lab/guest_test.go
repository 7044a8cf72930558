//go:build !race

package lab

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/ipvs"
	"github.com/cloudflare/ipvs/netmask"
	"github.com/google/go-cmp/cmp"
)

// TestGuest runs in the guest where this kernel has no IPVS.
func TestGuest(t *testing.T) {
	if !Guest(t) {
		return
	}
	t.Run("DirectRouting", testDirectRouting)
	t.Run("TablesOfTwoHosts", testTablesOfTwoHosts)
	t.Run("TreeOfProcesses", TestKillEndsTheWholeTree)
}

// testDirectRouting shows that the pieces a director test needs work together
// on this kernel: real balancing of real connections, and the table's witness.
func testDirectRouting(t *testing.T) {
	_, hosts := segment(t, "client", "lb", "rs1", "rs2")
	lb := hosts[1]
	lb.AddAddress("eth0", "192.0.2.100/24")
	svc := ipvs.Service{
		Address: netip.MustParseAddr("192.0.2.100"), Netmask: netmask.MaskFrom(32, 32), Scheduler: "rr",
		Port: 80, Protocol: ipvs.TCP, Family: ipvs.INET,
	}
	err := lb.Do(func() error {
		client, err := ipvs.New()
		if err != nil {
			return err
		}
		if err := client.CreateService(svc); err != nil {
			return err
		}
		for _, addr := range []string{"192.0.2.3", "192.0.2.4"} {
			d := ipvs.Destination{Address: netip.MustParseAddr(addr), Port: 80, Weight: 1, FwdMethod: ipvs.DirectRoute, Family: ipvs.INET}
			if err := client.CreateDestination(svc, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, rs := range hosts[2:] {
		rs.ServeDirect("192.0.2.100")
		rs.WebServer(":80", "")
	}
	var all Tally
	for range 10 {
		all = append(all, hosts[0].Fetch("192.0.2.100:80"))
	}
	if by := all.By(); by["rs1"] != 5 || by["rs2"] != 5 {
		t.Errorf("answers = %v, lost %v, want 5 each", by, all.Lost())
	}
	v, err := lb.VirtualServer("192.0.2.100:80")
	if err != nil || v.Weights()["192.0.2.3:80"] != 1 || v.Reals[0].Forward != "Route" {
		t.Errorf("table = %+v, %v", v, err)
	}
}

// Two hosts have tables, more than a page of text each: every service of either is
// seen, in order, with all that a virtual server is known by.
func testTablesOfTwoHosts(t *testing.T) {
	const services = 100
	_, hosts := segment(t, "lb1", "lb2")
	for _, h := range hosts {
		err := h.Do(func() error {
			client, err := ipvs.New()
			for i := range services {
				svc := ipvs.Service{
					Address: netip.MustParseAddr("192.0.2.100"), Netmask: netmask.MaskFrom(32, 32), Scheduler: "rr",
					Port: uint16(8000 + i), Protocol: ipvs.TCP, Family: ipvs.INET,
				}
				rs := ipvs.Destination{Address: netip.MustParseAddr("192.0.2.3"), Port: 80, Weight: uint32(i), FwdMethod: ipvs.Masquerade, Family: ipvs.INET}
				if err == nil {
					err = client.CreateService(svc)
				}
				if err == nil {
					err = client.CreateDestination(svc, rs)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var want []VirtualServer
	for i := range services {
		want = append(want, VirtualServer{
			Protocol: "TCP", Address: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.100"), uint16(8000+i)), Scheduler: "rr",
			Reals: []RealServer{{Address: netip.MustParseAddrPort("192.0.2.3:80"), Forward: "Masq", Weight: i}},
		})
	}
	for _, h := range hosts {
		if diff := cmp.Diff(want, h.IPVS(), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("table of %s (-want +got):\n%s", h.Name, diff)
		}
	}
}

func TestRunInGuest(t *testing.T) {
	Need(t, Root, GuestKernel)
	t.Parallel()
	t.Run("status", func(t *testing.T) {
		var out strings.Builder
		status, err := RunInGuest(t.Context(), GuestCommand{
			Args: []string{"sh", "-c", `echo "$GREETING it's"; printf end; exit 7`}, Env: []string{"GREETING=hello"}, Output: &out,
		})
		if status != 7 || err != nil || out.String() != "hello it's\nend" {
			t.Errorf("status %d, error %v, output %q", status, err, out.String())
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var out strings.Builder
		if _, err := RunInGuest(ctx, GuestCommand{Args: []string{"sleep", "600"}, Output: &out}); err == nil {
			t.Error("a cancelled guest ended well")
		}
	})
}
