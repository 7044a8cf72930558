package daemon

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	checks "github.com/vipd/vipd/healthcheck/runner"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
)

// checkedRole returns a checker role with one service of two real servers,
// whose probes are answered by answer. It has no table.
func checkedRole(t *testing.T, answer func(healthcheck.Key) healthcheck.Result) *checkerRole {
	t.Helper()
	one, two := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("10.0.0.2:80")
	check := healthcheck.Check{Name: "page", Settings: healthcheck.Defaults(healthcheck.KindHTTP), Timing: healthcheck.DefaultTiming()}
	c := &checkerRole{}
	c.pools.configure([]conf.Service{{
		Config: ipvs.Config{Name: "web", RealServers: []ipvs.RealServer{{Address: one, Weight: 10}, {Address: two, Weight: 20}}},
		Checks: map[netip.AddrPort][]healthcheck.Check{one: {check}, two: {check}},
	}}, false)
	c.maintenance = newMaintenance(nil, nil)
	c.probes = checks.New(checks.Options{Probe: func(_ context.Context, k healthcheck.Key) healthcheck.Result { return answer(k) }})
	c.probes.Apply(c.pools.probeKeys())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.probes.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return c
}

func ask(t *testing.T, c *checkerRole, q api.CheckQuery) ([]api.CheckResult, error) {
	t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.checkNow(t.Context(), body)
	if err != nil {
		return nil, err
	}
	return out.([]api.CheckResult), nil
}

func TestCheckNow(t *testing.T) {
	c := checkedRole(t, func(k healthcheck.Key) healthcheck.Result {
		if k.Target.Addr() == netip.MustParseAddr("10.0.0.2") {
			return healthcheck.Result{Class: healthcheck.ClassStatus, Reason: "HTTP status 503, expected 200-299"}
		}
		return healthcheck.Result{Class: healthcheck.ClassOK, Reason: "HTTP status 200"}
	})
	for query, want := range map[api.CheckQuery][]string{
		{Service: "web"}:                              {"10.0.0.1:80 ok", "10.0.0.2:80 status"},
		{Service: "web", RealServer: "10.0.0.2"}:      {"10.0.0.2:80 status"},
		{Service: "web", RealServer: "10.0.0.1:80"}:   {"10.0.0.1:80 ok"},
		{Service: "web", RealServer: "10.0.0.1:8080"}: nil,
		{Service: "mail"}:                             nil,
	} {
		results, err := ask(t, c, query)
		var got []string
		for _, r := range results {
			got = append(got, r.RealServer.String()+" "+string(r.Result.Class))
			if r.Kind != "http" || r.Name != "page" || len(r.History) == 0 {
				t.Errorf("result %+v", r)
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || (err != nil) != (want == nil) {
			t.Errorf("%+v: %v (-want +got):\n%s", query, err, diff)
		}
	}
}

func TestAdviceBecomesWeights(t *testing.T) {
	c := checkedRole(t, func(k healthcheck.Key) healthcheck.Result {
		r := healthcheck.Result{Class: healthcheck.ClassOK}
		if k.Target.Addr() == netip.MustParseAddr("10.0.0.2") {
			r.Advice = healthcheck.Advice{Mode: healthcheck.AdvicePercent, Value: 25}
		}
		return r
	})
	if _, err := ask(t, c, api.CheckQuery{Service: "web"}); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, rs := range c.pools.services[0].RealServers {
		got = append(got, c.poolWeight(c.pools.services[0], rs))
	}
	if diff := cmp.Diff([]int{10, 5}, got); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
	if w := c.pools.services[0].RealServers[1].Weight; w != 20 {
		t.Errorf("the configured weight became %d", w)
	}
}
