//go:build !race

package system

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

// TestGuest holds the tests of services that need IPVS, TestGuestHosts those
// that need a whole machine. Where this kernel has no IPVS each boots a guest.
func TestGuest(t *testing.T) {
	inGuest(t, []testing.InternalTest{
		{Name: "QuiescentServer", F: testQuiescentServer},
		{Name: "RemovedServer", F: testRemovedServer},
		{Name: "Fallback", F: testFallback},
		{Name: "ForeignService", F: testForeignService},
		{Name: "ReloadOfServices", F: testReloadOfServices},
		{Name: "RealServerMoves", F: testRealServerMoves},
		{Name: "PlanOfTheTable", F: testPlanOfTheTable},
		{Name: "DrainOfARemovedServer", F: testDrainOfARemovedServer},
		{Name: "KilledChecker", F: testKilledChecker},
		{Name: "KeptRestart", F: testKeptRestart},
		{Name: "UpgradeOfServices", F: testUpgradeOfServices},
		{Name: "Safety_4_4_ServiceRemovedWhileDown", F: testSafety_4_4_ServiceRemovedWhileDown},
		{Name: "TrackedVirtualServer", F: testTrackedVirtualServer},
		{Name: "Safety_4_5_StartGate", F: testSafety_4_5_StartGate},
		{Name: "ExampleDirectRouting", F: testExampleDirectRouting},
		{Name: "ExampleNAT", F: testExampleNAT},
		{Name: "TableNamespace", F: testTableNamespace},
	})
}

func TestGuestHosts(t *testing.T) {
	inGuest(t, []testing.InternalTest{
		{Name: "BadFilesLeaveTheTable", F: testBadFilesLeaveTheTable},
		{Name: "Bases", F: testBases},
		{Name: "InterfaceMovesIntoABond", F: testInterfaceMovesIntoABond},
		{Name: "ReloadOfRandomPairs", F: testReloadOfRandomPairs},
		{Name: "Unit", F: testUnit},
		{Name: "KeepalivedUnit", F: testKeepalivedUnit},
		{Name: "LdirectordUnit", F: testLdirectordUnit},
		{Name: "Managers", F: testManagers},
	})
}

func inGuest(t *testing.T, tests []testing.InternalTest) {
	t.Parallel()
	lab.Binary(t) // built out here: the guest is slow
	if !lab.Guest(t) {
		return
	}
	for _, test := range tests {
		t.Run(test.Name, test.F)
	}
}

// balancer is one director with two real servers and a client, direct routing.
type balancer struct {
	t      *testing.T
	net    *lab.Lab
	client *lab.Host
	lb     *lab.Host
	reals  []*lab.Host
	webs   []*lab.WebServer
}

var errStillThere = errors.New("it is still there")

const service = vip + ":80"

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	b := &balancer{t: t, net: l, client: l.Host("client", "lan", "192.0.2.50/24"), lb: l.Host("lb1", "lan", "192.0.2.1/24")}
	for i := range 2 {
		rs := l.Host(fmt.Sprintf("rs%d", i+1), "lan", fmt.Sprintf("192.0.2.%d/24", 11+i))
		rs.ServeDirect(vip)
		b.reals, b.webs = append(b.reals, rs), append(b.webs, rs.WebServer(":80", "alive"))
	}
	return b
}

// services is a configuration with one service; extra goes into its block,
// after stands behind it.
func services(extra, after string) string {
	return config() + `virtual_server "web" {
  address   = "` + service + `"
  scheduler = "rr"
  forward   = "direct"
  ` + extra + `
  check "http" {
    interval = "200ms"
    timeout  = "2s"
    fall     = 2
    rise     = 1
  }
  real_server "192.0.2.11:80" { weight = 3 }
  real_server "192.0.2.12:80" { weight = 5 }
}
` + after
}

// start runs the daemon until it serves with all real servers.
func (b *balancer) start(hcl string) *lab.Vipd {
	b.t.Helper()
	v := b.lb.Vipd(hcl)
	b.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
	lab.WaitFor(b.t, "the VIP answers", settle, func() error { return b.client.Fetch(service).Err })
	return v
}

// weights waits until the kernel's table has exactly these real servers.
func (b *balancer) weights(service string, want map[string]int) lab.VirtualServer {
	b.t.Helper()
	var v lab.VirtualServer
	lab.WaitFor(b.t, fmt.Sprintf("weights of %s are %v", service, want), settle, func() (err error) {
		if v, err = b.lb.VirtualServer(service); err != nil {
			return err
		}
		if got := fmt.Sprint(v.Weights()); got != fmt.Sprint(want) {
			return fmt.Errorf("they are %s", got)
		}
		return nil
	})
	return v
}

// answers makes requests one after another and counts who answered.
func (b *balancer) answers(address string, n int) map[string]int {
	b.t.Helper()
	var all lab.Tally
	for range n {
		all = append(all, b.client.Fetch(address))
	}
	for _, f := range all.Lost() {
		b.t.Errorf("request lost: status %d, %v", f.Status, f.Err)
	}
	return all.By()
}

// status is what the daemon says of its only service.
func (b *balancer) status(v *lab.Vipd) api.Service {
	b.t.Helper()
	var st api.Status
	lab.WaitFor(b.t, "the status has the service", settle, func() error { // a starved checker answers later
		if err := v.Status(&st); err != nil || len(st.Services) != 1 {
			return fmt.Errorf("%d services, %v, problems %q", len(st.Services), err, st.Problems)
		}
		return nil
	})
	return st.Services[0]
}

// settled checks that a table stays as it is.
func (b *balancer) settled(during time.Duration) {
	b.t.Helper()
	want := strings.Join(tableOf(b.lb), "\n")
	lab.Steady(b.t, "the table stays", during, func() error {
		if got := strings.Join(tableOf(b.lb), "\n"); got != want {
			return fmt.Errorf("it is\n%s\nwas\n%s", got, want)
		}
		return nil
	})
}

// tableOf is a host's table, one line per service, connections aside.
func tableOf(h *lab.Host) []string {
	var out []string
	for _, v := range h.IPVS() {
		out = append(out, fmt.Sprint(v.Protocol, v.Address, v.Scheduler, v.Weights()))
	}
	return out
}
