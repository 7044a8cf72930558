package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/conf"
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

// anyConfig draws the text of a configuration: instances and virtual servers
// that two draws have in common by identity more often than not, under the same
// name or another. Without min_up: which of several dead real servers it holds
// depends on the order in which they died.
func anyConfig(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("version = 1\n")
	names := rapid.Permutation([]string{"a", "b", "c", "d"}).Draw(t, "names")
	homes := rapid.SliceOfN(rapid.IntRange(0, 4), 8, 8).Draw(t, "homes") // of the addresses: an instance, or none
	for i := range 4 {
		var addresses, excluded []string
		for j, home := range homes {
			if home == i+1 {
				addresses = append(addresses, fmt.Sprintf("%q", fmt.Sprintf("192.0.2.%d/24", 100+j)))
			}
		}
		if len(addresses) == 0 {
			continue
		}
		if n := len(addresses); n > 1 && rapid.Bool().Draw(t, "excluded") {
			addresses, excluded = addresses[:n-1], addresses[n-1:]
		}
		fmt.Fprintf(&b, "vrrp_instance %q {\n interface = %q\n vrid = %d\n version = 3\n", names[i],
			rapid.SampledFrom([]string{"eth0", "eth0", "eth0", "eth1"}).Draw(t, "interface"), i+1)
		fmt.Fprintf(&b, " virtual_address = [%s]\n excluded_address = [%s]\n", strings.Join(addresses, ", "), strings.Join(excluded, ", "))
		for _, line := range []string{
			"priority = 50", "priority = 200", "advert_interval = \"300ms\"", "preempt = false", "lease = \"heal\"", "lease = \"off\"",
			"vmac {}", "garp {\n repeat = 2\n }", "accept = false", "hand_over = \"immediate\"", "down_adverts = 5", "checksum = \"plain\"",
		} {
			key, _, _ := strings.Cut(line, " ")
			if rapid.IntRange(0, 5).Draw(t, "line") == 0 && !strings.Contains(b.String()[strings.LastIndex(b.String(), "vrrp_instance"):], "\n "+key+" ") {
				b.WriteString(" " + line + "\n")
			}
		}
		b.WriteString("}\n")
	}
	names = rapid.Permutation([]string{"w", "x", "y", "z"}).Draw(t, "services")
	for i := range 4 {
		anyService(t, &b, i, names[i])
	}
	return b.String()
}

func anyService(t *rapid.T, b *strings.Builder, i int, name string) {
	if rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
		return
	}
	fmt.Fprintf(b, "virtual_server %q {\n forward = \"masquerade\"\n scheduler = %q\n", name, rapid.SampledFrom([]string{"rr", "wlc", "sh"}).Draw(t, "scheduler"))
	list := []string{fmt.Sprintf("\"192.0.2.%d:80\"", 100+i)}
	if rapid.Bool().Draw(t, "group") {
		list = append(list, fmt.Sprintf("\"192.0.2.%d:81\"", 100+i))
	}
	fmt.Fprintf(b, " addresses = [%s]\n", strings.Join(list, ", "))
	for _, line := range []string{
		"quiescent = false", "slow_start = \"20s\"", "drain = \"10s\"", "alpha = true", "fallback = \"198.51.100.99:80\"",
		"persistence {}", "quorum {\n up = 2\n }", "require = 1",
	} {
		if rapid.IntRange(0, 4).Draw(t, "line") == 0 {
			b.WriteString(" " + line + "\n")
		}
	}
	b.WriteString(" check \"tcp\" {}\n")
	for j := range 6 {
		if w := rapid.IntRange(-2, 3).Draw(t, "server"); w >= 0 {
			fmt.Fprintf(b, " real_server \"198.51.100.%d:80\" {\n weight = %d\n }\n", j+1, w)
		}
	}
	b.WriteString("}\n")
}

// For any two configurations: what a reload leads to is what a start leads to,
// what both have in common is not touched on the way, and going back leads
// exactly back.
func TestReloadIsAPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := loadHCL(t, anyConfig(t)), loadHCL(t, anyConfig(t))
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
		text := anyConfig(t)
		w := newReloadWorld().apply(loadHCL(t, text))
		w.apply(loadHCL(t, text))
		if len(w.ops)+len(w.deeds) > 0 {
			t.Errorf("done: %v %v", w.ops, w.deeds)
		}
	})
}
