package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// reloadCost counts what a reload does, stage by stage. Nothing in it depends
// on the machine.
type reloadCost struct {
	changes    int     // of the plan
	planned    float64 // allocations of the plan
	asked      int     // questions about real servers while the table is decided
	compared   float64 // allocations of the table's difference
	operations int     // on the kernel's table
	actions    int     // that the engine asks for
	elected    float64 // allocations of the engine
}

const serversEach = 5

// largeConfig has n instances and n services. Extra goes into each instance,
// with a number of its own for $; weight is that of the first real server of
// each service.
func largeConfig(t *testing.T, n int, extra string, weight int) *conf.Config {
	var b strings.Builder
	b.WriteString("version = 1\n")
	for i := range n {
		id := fmt.Sprintf("%d.%d", i/200, i%200+1)
		fmt.Fprintf(&b, "vrrp_instance \"i%d\" {\n interface = \"eth%d\"\n vrid = %d\n version = 3\n virtual_address = [\"10.1.%s/32\"]\n%s}\n",
			i, i/200, i%200+1, id, strings.ReplaceAll(extra, "$", id))
		fmt.Fprintf(&b, "virtual_server \"s%d\" {\n address = \"10.1.%s:80\"\n forward = \"masquerade\"\n check \"tcp\" {}\n", i, id)
		for j := range serversEach {
			w := 1
			if j == 0 {
				w = weight
			}
			fmt.Fprintf(&b, " real_server \"10.%d.%s:80\" {\n weight = %d\n }\n", 2+j, id, w)
		}
		b.WriteString("}\n")
	}
	return loadHCL(t, b.String())
}

// counting answers for all checks and counts how often it is asked.
type counting struct{ asked int }

func (c *counting) poolVerdict(conf.Service, netip.AddrPort) ipvs.Verdict {
	c.asked++
	return ipvs.Up
}

func (c *counting) poolWeight(_ conf.Service, rs ipvs.RealServer) int {
	c.asked++
	return rs.Weight
}

func (c *counting) poolReason(conf.Service, netip.AddrPort) string { return "" }

func (c *counting) poolIdle(ipvs.ServiceKey, netip.AddrPort) bool {
	c.asked++
	return true
}

// costOfReload goes from one configuration to another.
func costOfReload(have, want *conf.Config) (c reloadCost) {
	c.planned = testing.AllocsPerRun(1, func() { c.changes = len(conf.ComparePlan(have, want, conf.Live{}).Changed()) })
	now := time.Unix(1_000_000, 0)

	var p pools
	p.configure(have.Services, false)
	table, _ := p.decide(now, nil, true, &counting{})
	owned := make(map[ipvs.ServiceKey]bool, len(table))
	for _, e := range table {
		owned[e.Service.Key] = true
	}
	var judge counting
	p.configure(want.Services, false)
	decided, _ := p.decide(now, table.Index().Find, true, &judge)
	c.asked = judge.asked
	c.compared = testing.AllocsPerRun(1, func() { c.operations = len(ipvs.Diff(table, decided, owned)) })

	c.actions, c.elected = electionCost(have, want)
	return c
}

// electionCost configures masters anew. Both directions are counted, there and
// back: what one adds the other removes.
func electionCost(have, want *conf.Config) (actions int, allocations float64) {
	now, e := time.Unix(1_000_000, 0), vrrp.NewEngine()
	for _, name := range interfacesOf(have) {
		e.Step(now, &vrrp.Link{Interface: name, Exists: true, Up: true, MTU: 1500, Primary: netip.MustParseAddr("192.0.2.2")})
	}
	e.Step(now, &vrrp.Configure{Routers: have.Routers})
	now = now.Add(10 * time.Second)
	e.Step(now, &vrrp.Tick{}) // all are masters
	allocations = testing.AllocsPerRun(1, func() {
		there := len(e.Step(now, &vrrp.Configure{Routers: want.Routers}).Actions)
		back := len(e.Step(now, &vrrp.Configure{Routers: have.Routers}).Actions)
		actions = max(actions, there+back) // it runs twice, and a hand-over begins once
	})
	return actions, allocations
}

// A reload of four times as much costs four times as much at most: in what is
// planned, decided, compared, and done. What did not change costs no operation
// whatever the size, one change one.
func TestReloadCostIsLinear(t *testing.T) {
	const n = 40
	cost := func(size int) (none, one, all, less reloadCost) {
		have := largeConfig(t, size, "", 1)
		none = costOfReload(have, largeConfig(t, size, "", 1))
		single := largeConfig(t, size, "", 1)
		single.Services[size/2].RealServers[0].Weight = 7
		one = costOfReload(have, single)
		all = costOfReload(have, largeConfig(t, size, " excluded_address = [\"10.9.$/32\"]\n", 2))
		less = costOfReload(have, largeConfig(t, size/2, "", 1))
		return none, one, all, less
	}
	none, one, all, less := cost(n)
	none4, one4, all4, less4 := cost(4 * n)
	for _, c := range []struct {
		name                string
		few, many           reloadCost
		changes, operations int // of many
	}{
		{"nothing", none, none4, 0, 0},
		{"one weight", one, one4, 1, 1},
		{"all of them", all, all4, 2 * 4 * n, 4 * n},
		{"half of them go", less, less4, 4 * n, 4 * n / 2},
	} {
		if c.many.changes != c.changes || c.many.operations != c.operations {
			t.Errorf("%s: %d changes and %d operations, want %d and %d", c.name, c.many.changes, c.many.operations, c.changes, c.operations)
		}
		// Maps and slices grow by leaps, hence a quarter more.
		const most = 4 * 1.25
		if c.many.planned > most*c.few.planned || c.many.compared > most*max(c.few.compared, 10) || c.many.elected > most*c.few.elected ||
			c.many.asked > 4*c.few.asked || c.many.actions > 4*c.few.actions {
			t.Errorf("%s: %d objects cost %+v, %d cost %+v", c.name, n, c.few, 4*n, c.many)
		}
	}
	if all.asked < n*serversEach || all.planned < n || all.actions < 2*n || less.actions < n/2 {
		t.Errorf("not all was counted: %+v, %+v", all, less)
	}
}
