package system

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"github.com/vipd/vipd/internal/lab"
)

// A director with everything that outlives a lease is killed with all that
// watches over it. The next start, with a configuration that wants none of it,
// removes what is left: addresses, interface, route, rule, filter.
func TestSafety_1_11_LeftoversOfAKilledDirector(t *testing.T) {
	p := newPair(t)
	p.virtual = true
	all := config("accept = false", "vmac {}", `route "203.0.113.0/24" { via = "192.0.2.9" }`, "rule {\n priority = 1000\n table = 100\n from = \"192.0.2.100/32\"\n }")
	v1, v2 := p.lb1.Vipd(all), p.lb2.Vipd(config("vmac {}"))
	p.ownedBy(p.lb1, settle)
	p.instance(v2)
	had := p.leftovers(p.lb1)
	if want := []string{"203.0.113.0/24", "lookup 100", "macvlan", "table vipd", "table vipd_vmac"}; !slices.Equal(had, want) {
		t.Fatalf("while it runs: %q, want %q", had, want)
	}
	v1.Kill()
	if left := p.leftovers(p.lb1); !slices.Equal(left, had) {
		t.Errorf("after its death: %q", left)
	}
	p.lb1.Vipd(strings.NewReplacer("vrid            = 51", "vrid            = 52", vip, "192.0.2.101").Replace(config()))
	lab.WaitFor(t, "nothing is left", settle, func() error {
		if left := p.leftovers(p.lb1); len(left) > 0 || p.lb1.Holds(addr(vip)) {
			return fmt.Errorf("%v, the VIP %v", left, p.lb1.Holds(addr(vip)))
		}
		return nil
	})
	p.ownedBy(p.lb2, lease+slack)
	p.steady(p.lb2, 500*time.Millisecond)
}

// leftovers are the things of an instance that no lease ends, each named once.
func (p *pair) leftovers(h *lab.Host) (all []string) {
	p.t.Helper()
	for _, look := range []struct {
		command []string
		shows   string
	}{
		{[]string{"ip", "-o", "-d", "link"}, "macvlan"},
		{[]string{"ip", "route"}, "203.0.113.0/24"},
		{[]string{"ip", "rule"}, "lookup 100"},
	} {
		out, err := h.Run(look.command[0], look.command[1:]...)
		if err != nil {
			p.t.Fatalf("%v\n%s", err, out)
		}
		if strings.Contains(out, look.shows) {
			all = append(all, look.shows)
		}
	}
	err := h.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		tables, err := c.ListTables()
		for _, table := range tables {
			all = append(all, "table "+table.Name)
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
