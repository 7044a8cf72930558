package soak

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// What a whole soak is asked for; a guest inherits it.
const (
	pageEnv   = "VIPD_LAB_PAGE"   // write the result to this file
	commitEnv = "VIPD_LAB_COMMIT" // what it says that it was made of
)

// gapsShown is how many of the longest gaps the page tells the cause of.
const gapsShown = 8

// render writes the page.
func (s *stage) render(p plan, got served, before, after [2]inventory) string {
	var b strings.Builder
	fmt.Fprintf(&b, preface, os.Getenv(commitEnv), p.during, p.reals, p.seed)
	fmt.Fprintf(&b, "%s.\n\n## What happened\n\n| event | times |\n|---|---|\n", got)
	times := map[string]int{}
	for _, h := range s.happened {
		times[h.name]++
	}
	for _, name := range slices.Sorted(maps.Keys(times)) {
		fmt.Fprintf(&b, "| %s | %d |\n", name, times[name])
	}
	fmt.Fprintf(&b, "\n## The longest gaps\n\n| no answer for | the event before |\n|---|---|\n")
	for _, g := range got.gaps[:min(gapsShown, len(got.gaps))] {
		fmt.Fprintf(&b, "| %.2f s | %s |\n", g.took.Seconds(), s.cause(g))
	}
	fmt.Fprintf(&b, "\n## What is left over\n\nEach figure is that of all processes of a director: before the first event → after the last.\n\n| | lb1 | lb2 |\n|---|---|---|\n")
	for i, row := range before[0].rows() {
		fmt.Fprintf(&b, "| %s | %d → %d | %d → %d |\n", row.name, row.n, after[0].rows()[i].n, before[1].rows()[i].n, after[1].rows()[i].n)
	}
	return b.String()
}

// cause names the last event that began before a gap.
func (s *stage) cause(g gap) string {
	for _, h := range slices.Backward(s.happened) {
		if ago := g.began.Sub(h.at); ago > -requestEvery {
			return fmt.Sprintf("%s %s, %.2f s before", s.lbs[h.host].Name, h.name, max(0, ago.Seconds()))
		}
	}
	return "none"
}

// figure is one line of an inventory.
type figure struct {
	name string
	n    int
}

func (v inventory) rows() []figure {
	return []figure{
		{"processes", v.Processes}, {"goroutines", v.Goroutines}, {"threads", v.Threads}, {"descriptors", v.Descriptors}, {"addresses", v.Addresses},
		{"IPVS services", v.Services}, {"IPVS destinations", v.Destinations}, {"files in the runtime directory", v.Files},
	}
}

const preface = `# Soak

Made by ` + "`make soak`" + ` from %s: two directors (priorities 150 and 100, adverts every 200 ms) with IPVS, for %v. A script draws what happens to which of them
(%d real servers, seed %d); at the end both must be whole again, with nothing left over. The script stops, kills and freezes masters without a service manager that
would hand over for them; a request that gets no answer within 0.9 s is lost. All of it runs on a user-mode Linux guest with one slow CPU where the
machine's kernel has no IPVS.

`
