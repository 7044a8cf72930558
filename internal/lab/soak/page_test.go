package soak

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/vipd/vipd/internal/lab"
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
	fmt.Fprintf(&b, "%s. Of %d requests that the same client made meanwhile to a server behind no director, %d had no answer in time either: that is the machine.\n\n",
		got, len(got.control), len(got.control.Lost()))
	fmt.Fprintf(&b, "## What happened\n\n| event | times |\n|---|---|\n")
	times := map[string]int{}
	for _, h := range s.happened {
		times[h.name]++
	}
	for _, name := range slices.Sorted(maps.Keys(times)) {
		fmt.Fprintf(&b, "| %s | %d |\n", name, times[name])
	}
	fmt.Fprintf(&b, "\n## The longest gaps\n\n| no answer for | the event before, and those meanwhile | who had the VIP | lost without directors |\n|---|---|---|---|\n")
	for _, g := range got.gaps[:min(gapsShown, len(got.gaps))] {
		end := g.began.Add(g.took)
		control := got.control.Between(g.began, end)
		fmt.Fprintf(&b, "| %.2f s | %s | %s | %d of %d |\n", g.took.Seconds(), s.events(g), lab.Story(s.owners.Tenures(g.began, end)), len(control.Lost()), len(control))
	}
	fmt.Fprintf(&b, "\n## What is left over\n\nEach figure is that of all processes of a director: before the first event → after the last.\n\n| | lb1 | lb2 |\n|---|---|---|\n")
	for i, row := range before[0].rows() {
		fmt.Fprintf(&b, "| %s | %d → %d | %d → %d |\n", row.name, row.n, after[0].rows()[i].n, before[1].rows()[i].n, after[1].rows()[i].n)
	}
	return b.String()
}

// events names the last event that began before a gap, and those until its end.
func (s *stage) events(g gap) string {
	var all []string
	for _, h := range slices.Backward(s.happened) {
		when := h.at.Sub(g.began)
		if when > g.took {
			continue
		}
		name := s.lbs[h.host].Name + " " + h.name
		if when < requestEvery {
			all = append(all, fmt.Sprintf("%s, %.2f s before", name, max(0, -when.Seconds())))
			break
		}
		all = append(all, fmt.Sprintf("%s after %.2f s", name, when.Seconds()))
	}
	slices.Reverse(all)
	return strings.Join(all, "; ")
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
