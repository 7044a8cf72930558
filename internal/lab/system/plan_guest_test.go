//go:build !race

package system

import (
	"strings"
	"testing"
)

// Without a daemon a plan tells what a start does to the table that an earlier run
// left, and only reads; the start then does that.
func testPlanOfTheTable(t *testing.T) {
	b := newBalancer(t)
	second := `virtual_server "more" {
  address   = "192.0.2.100:8080"
  scheduler = "wrr"
  forward   = "direct"
  real_server "192.0.2.11:8080" {}
}
`
	hcl := services("", "")
	v := b.start(hcl + second)
	b.weights("192.0.2.100:8080", map[string]int{"192.0.2.11:8080": 1})
	v.Kill()
	table := tableBytes(t, b.lb)
	if out, status := planned(t, v, hcl+second); status != 3 || strings.Contains(out, " ipvs ") {
		t.Errorf("nothing is to be done, but exit status %d and\n%s", status, out)
	}

	changed := strings.NewReplacer(`"rr"`, `"wlc"`, "192.0.2.11", "192.0.2.13").Replace(hcl)
	ops := map[string]string{
		"edit tcp 192.0.2.100:80: scheduler from rr to wlc":          "~ retune",
		"add 192.0.2.13:80 to tcp 192.0.2.100:80 (weight 3, direct)": "+ add",
		"remove 192.0.2.11:80 from tcp 192.0.2.100:80":               "- remove",
		"remove tcp 192.0.2.100:8080":                                "- remove",
	}
	out, status := planned(t, v, changed)
	if status != 4 || strings.Count(out, " ipvs ") != len(ops) {
		t.Errorf("exit status %d and\n%s", status, out)
	}
	for op, how := range ops {
		if !strings.Contains(out, how+" ipvs "+op+"\n") {
			t.Errorf("the plan does not say %q:\n%s", how+" ipvs "+op, out)
		}
	}
	if now := tableBytes(t, b.lb); now != table {
		t.Errorf("the table was\n%s\nis after the plans\n%s", table, now)
	}

	v = b.lb.Vipd(changed)
	b.weights(service, map[string]int{"192.0.2.12:80": 5, "192.0.2.13:80": 0})
	for op := range ops {
		v.WaitLog(op, settle)
	}
}
