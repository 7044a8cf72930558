// Package conftest draws configurations for tests.
package conftest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// World is what configurations are drawn for. In its texts $ stands for the
// number of the instance or service, @ for the interface of the instance.
type World struct {
	// Length of the virtual addresses' prefixes.
	Length int
	// Instance is part of every instance; of Options, any may be, one of each key.
	Instance string
	Options  []string
	// Service is part of every virtual server; of ServiceOptions, any may be. There
	// are virtual servers only if Service is set.
	Service        string
	ServiceOptions []string
}

const most = 4 // of instances and virtual servers

// Texts draws the text of a configuration: instances and virtual servers that
// two draws have in common by identity more often than not, under the same name
// or another. Instance n has VRID n, the addresses are 192.0.2.100 to .107, the
// real servers 198.51.100.1:80 to .6:80. No virtual server has min_up: which of
// several dead real servers that holds depends on the order in which they died.
func Texts(w World) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		b.WriteString("version = 1\n")
		names := rapid.Permutation([]string{"a", "b", "c", "d"}).Draw(t, "names")
		homes := rapid.SliceOfN(rapid.IntRange(0, most), 8, 8).Draw(t, "homes") // of the addresses: an instance, or none
		for n := 1; n <= most; n++ {
			var addresses []string
			for j, home := range homes {
				if home == n {
					addresses = append(addresses, fmt.Sprintf("\"192.0.2.%d/%d\"", 100+j, w.Length))
				}
			}
			if len(addresses) > 0 {
				w.instance(t, &b, n, names[n-1], addresses)
			}
		}
		names = rapid.Permutation([]string{"w", "x", "y", "z"}).Draw(t, "services")
		for n := 1; n <= most && w.Service != ""; n++ {
			if rapid.IntRange(0, 3).Draw(t, "absent") > 0 {
				w.service(t, &b, n, names[n-1])
			}
		}
		return b.String()
	})
}

func (w World) instance(t *rapid.T, b *strings.Builder, n int, name string, addresses []string) {
	var excluded []string
	if n := len(addresses); n > 1 && rapid.Bool().Draw(t, "excluded") {
		addresses, excluded = addresses[:n-1], addresses[n-1:]
	}
	on := rapid.SampledFrom([]string{"eth0", "eth0", "eth0", "eth1"}).Draw(t, "interface")
	fill := strings.NewReplacer("$", strconv.Itoa(n), "@", on)
	fmt.Fprintf(b, "vrrp_instance %q {\n interface = %q\n vrid = %d\n version = 3\n", name, on, n)
	fmt.Fprintf(b, " virtual_address = [%s]\n excluded_address = [%s]\n", strings.Join(addresses, ", "), strings.Join(excluded, ", "))
	fmt.Fprintf(b, " %s\n%s}\n", fill.Replace(w.Instance), fill.Replace(some(t, w.Options, 5)))
}

func (w World) service(t *rapid.T, b *strings.Builder, n int, name string) {
	fill := strings.NewReplacer("$", strconv.Itoa(n))
	fmt.Fprintf(b, "virtual_server %q {\n forward = \"masquerade\"\n scheduler = %q\n", name, rapid.SampledFrom([]string{"rr", "wlc", "sh"}).Draw(t, "scheduler"))
	list := []string{fmt.Sprintf("\"192.0.2.%d:80\"", 99+n)}
	if rapid.Bool().Draw(t, "group") {
		list = append(list, fmt.Sprintf("\"192.0.2.%d:81\"", 99+n))
	}
	fmt.Fprintf(b, " addresses = [%s]\n %s\n%s", strings.Join(list, ", "), fill.Replace(w.Service), fill.Replace(some(t, w.ServiceOptions, 4)))
	for j := range 6 {
		if weight := rapid.IntRange(-2, 3).Draw(t, "server"); weight >= 0 {
			fmt.Fprintf(b, " real_server \"198.51.100.%d:80\" {\n weight = %d\n }\n", j+1, weight)
		}
	}
	b.WriteString("}\n")
}

// some draws lines, at most one of each key, each with odds of one to so many.
func some(t *rapid.T, lines []string, against int) (drawn string) {
	var keys []string
	for _, line := range lines {
		key, _, _ := strings.Cut(line, " ")
		if rapid.IntRange(0, against).Draw(t, "line") == 0 && !slices.Contains(keys, key) {
			keys, drawn = append(keys, key), drawn+" "+line+"\n"
		}
	}
	return drawn
}
