package system

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/lab"
)

// planned runs `vipd plan` and returns what it printed and its exit status.
func planned(t *testing.T, v *lab.Vipd, hcl string, args ...string) (string, int) {
	t.Helper()
	file := v.Host.WriteFile("planned.hcl", hcl)
	c := v.Host.Start(lab.Binary(t), append([]string{"plan", file, "--director", v.Host.Name, "--runtime-dir", v.Runtime}, args...)...)
	status, err := c.Wait(settle)
	if err != nil {
		t.Fatal(err)
	}
	return c.Log(), status
}

// The plan of a running daemon, and that of a start after everything was killed,
// with the exit status that deployment scripts go by.
func TestPlan(t *testing.T) {
	p := newPair(t)
	second := strings.NewReplacer(directors, "", `"web"`, `"more"`, "51", "52", vip, "192.0.2.102").Replace(config("vmac {}"))
	hcl := config(append(belongings, lasting)...)
	v := p.lb1.Vipd(hcl + second)
	lab.WaitFor(t, "lb1 has everything", settle, func() error {
		if !p.lb1.Holds(addr("192.0.2.102")) {
			return errors.New("no second VIP")
		}
		return lacking(p.lb1)
	})
	for _, c := range []struct {
		hcl, says string
		status    int
	}{
		{hcl + second, "nothing to do: ", 0},
		{strings.Replace(hcl, lasting, lasting+"\n garp {\n repeat = 3\n }", 1) + second, "> stays master", 3},
		{hcl + strings.Replace(second, "52", "53", 1), "vrid changed: leaves master for about 340 ms", 4},
		{hcl, "192.0.2.102/24 is given up", 4},
	} {
		if out, status := planned(t, v, c.hcl); status != c.status || !strings.Contains(out, c.says) {
			t.Errorf("exit status %d, want %d and %q:\n%s", status, c.status, c.says, out)
		}
	}
	var plan conf.Plan
	out, status := planned(t, v, hcl, "--json")
	if err := json.Unmarshal([]byte(out), &plan); err != nil || status != 4 || !plan.Disrupts() || len(plan.Changed()) != 1 {
		t.Errorf("exit status %d, %v, %+v", status, err, plan)
	}

	v.Kill()
	out, status = planned(t, v, hcl)
	for _, says := range []string{"compared with the kernel", "+ add vrrp_instance web", vip + "/24 is on eth0 already",
		"- remove address 192.0.2.102/24 on vrrp.52", "- remove interface vrrp.52"} {
		if !strings.Contains(out, says) {
			t.Errorf("the plan of a start does not say %q:\n%s", says, out)
		}
	}
	if status != 4 {
		t.Errorf("exit status %d", status)
	}
}
