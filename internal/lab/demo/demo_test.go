package main

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/lab"
)

func TestReportHoldsOnlyWhenEveryClaimDoes(t *testing.T) {
	t.Parallel()
	r := &report{}
	if r.held() {
		t.Error("a report without claims held")
	}
	r.within("fast", time.Second, 2*time.Second)
	r.atMost("few", 1, 10, 1)
	r.fact("seen", "42")
	if !r.held() {
		t.Error("a report whose claims all held did not")
	}
	for name, add := range map[string]func(*report){
		"slow":     func(r *report) { r.within("slow", 3*time.Second, 2*time.Second) },
		"negative": func(r *report) { r.within("never", -1, time.Second) },
		"many":     func(r *report) { r.atMost("many", 2, 10, 1) },
	} {
		broken := &report{rows: append([]row{}, r.rows...)}
		add(broken)
		if broken.held() {
			t.Errorf("%s: a broken claim held", name)
		}
		var out strings.Builder
		broken.print(&out)
		if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 5 || !strings.HasSuffix(lines[4], "NO") {
			t.Errorf("%s: printed\n%s", name, out.String())
		}
	}
}

func TestProgramCleansUpHoweverItEnds(t *testing.T) {
	t.Parallel()
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for name, tc := range map[string]struct {
		ctx    context.Context
		story  func(p *program)
		fails  bool
		failed bool
	}{
		"end":     {t.Context(), func(*program) {}, false, false},
		"error":   {t.Context(), func(p *program) { p.Errorf("oops") }, false, true},
		"fatal":   {t.Context(), func(p *program) { p.Fatalf("oops") }, true, true},
		"skip":    {t.Context(), func(p *program) { p.Skipf("oops") }, true, true},
		"timeout": {soon, func(*program) { <-t.Context().Done() }, true, false},
	} {
		p := &program{out: io.Discard, start: time.Now()}
		var order []int
		p.Cleanup(func() { order = append(order, 1) })
		p.Cleanup(func() { order = append(order, 2) })
		err := p.run(tc.ctx, func() { tc.story(p) })
		if (err != nil) != tc.fails || p.Failed() != tc.failed {
			t.Errorf("%s: error %v, failed %t", name, err, p.Failed())
		}
		if len(order) != 2 || order[0] != 2 {
			t.Errorf("%s: clean-up ran in order %v", name, order)
		}
		if name == "timeout" && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort
	table := func(weight, active int) []lab.VirtualServer {
		return []lab.VirtualServer{{Protocol: "TCP", Address: at("192.0.2.1:80"), Scheduler: "rr", Reals: []lab.RealServer{
			{Address: at("192.0.2.2:80"), Forward: "Route", Weight: 1},
			{Address: at("192.0.2.3:80"), Forward: "Route", Weight: weight, Active: active},
		}}}
	}
	for name, tc := range map[string]struct {
		a, b []lab.VirtualServer
		want int
	}{
		"equal":       {table(1, 0), table(1, 0), 0},
		"connections": {table(1, 0), table(1, 9), 0},
		"weight":      {table(1, 0), table(3, 0), 1},
		"gone":        {table(1, 0), nil, 3},
		"new":         {nil, table(1, 0), 3},
	} {
		if got := differences(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	log := `time=T level=INFO msg="set weight 3" event=ipvs op=set_weight service="tcp 192.0.2.1:80"
time=T level=INFO msg="reload applied" event=reload
time=T level=ERROR msg="program IPVS: op=x" event=ipvs
time=T level=INFO msg="remove" event=ipvs op=remove_service service="tcp 192.0.2.1:80"
`
	if n := operations(log); n != 2 {
		t.Errorf("operations = %d, want 2", n)
	}
}

// The demo's one file is valid for both directors, in both versions of it.
func TestConfigurationIsValid(t *testing.T) {
	t.Parallel()
	for _, weights := range [][3]int{{1, 1, 1}, {1, 1, 3}} {
		for _, director := range []string{"lb1", "lb2"} {
			cfg, diags := conf.Load([]string{"demo.hcl"}, conf.Options{
				Director: director, Hostname: director, Env: func(string) (string, bool) { return "", false },
				Read: func(string) ([]byte, error) { return []byte(configuration(weights)), nil },
			})
			if cfg == nil || len(diags) > 0 {
				t.Fatalf("%s: %v", director, diags)
			}
			if got := cfg.Services[0].RealServers[2].Weight; got != weights[2] {
				t.Errorf("%s: weight %d, want %d", director, got, weights[2])
			}
		}
	}
}
