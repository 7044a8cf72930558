package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/conf/conftest"
)

// loadHCL reads a configuration that must be in order.
func loadHCL(t rapid.TB, text string) *conf.Config {
	t.Helper()
	c, diags := tryHCL(text)
	if c == nil {
		t.Fatalf("%v\n%s", diags, text)
	}
	return c
}

func tryHCL(text string) (*conf.Config, conf.Diagnostics) {
	return conf.Load([]string{"vipd.hcl"}, conf.Options{
		Hostname: "lb1", Env: func(string) (string, bool) { return "", false },
		Read:    func(string) ([]byte, error) { return []byte(text), nil },
		Program: func(string) error { return nil },
	})
}

// anyConfig draws the text of a configuration.
var anyConfig = conftest.Texts(conftest.World{
	Length: 24,
	Options: []string{
		"priority = 50", "priority = 200", `advert_interval = "300ms"`, "preempt = false", `lease = "heal"`, `lease = "off"`,
		"vmac {}", "garp {\n repeat = 2\n }", "accept = false", `hand_over = "immediate"`, "down_adverts = 5", `checksum = "plain"`,
	},
	Service: `check "tcp" {}`,
	ServiceOptions: []string{
		"quiescent = false", `slow_start = "20s"`, `drain = "10s"`, "alpha = true", `fallback = "198.51.100.99:80"`,
		"persistence {}", "quorum {\n up = 2\n }", "require = 1",
	},
})

// For any two configurations: what a reload leads to is what a start leads to,
// what both have in common is not touched on the way, and going back leads
// exactly back.
func TestReloadIsAPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := loadHCL(t, anyConfig.Draw(t, "A")), loadHCL(t, anyConfig.Draw(t, "B"))
		w := newReloadWorld().apply(a)
		first, past := w.rest(), w.past()

		w.apply(b)
		w.untouched(t, past)
		if diff := cmp.Diff(newReloadWorld().apply(b).rest(), w.rest()); diff != "" {
			t.Fatalf("a start with B and a reload to B (-start +reload):\n%s", diff)
		}
		past = w.past()
		w.apply(a)
		w.untouched(t, past)
		if diff := cmp.Diff(first, w.rest()); diff != "" {
			t.Fatalf("before and after going back (-before +after):\n%s", diff)
		}
	})
}

// A reload of the same does nothing at all.
func TestReloadOfTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyConfig.Draw(t, "configuration")
		w := newReloadWorld().apply(loadHCL(t, text))
		w.apply(loadHCL(t, text))
		if len(w.ops)+len(w.deeds) > 0 {
			t.Errorf("done: %v %v", w.ops, w.deeds)
		}
	})
}
