package main

import (
	"fmt"
	"strings"
	"time"
)

// result is one cell.
type result struct {
	Cell  string
	Steps []step
	Cut   bool // the time was over
}

const head = `# Benchmarks

Written by ` + "`make bench`" + ` at %s: IPVS tables of different sizes in the guest of the lab (user-mode Linux 6.1, one slow CPU, real ip_vs).
Real servers have no checks on either side. Time is until the daemon rests; CPU and memory are those of all its processes. Only comparisons within one run mean anything.
"CPU" of a start includes reading the configuration; "writes" are operations on the kernel's table, where the daemon tells. "netlink" counts the packets between all programs and the kernel, both directions;
one packet of vipd carries up to 128 operations.

| daemon | services | real servers | step | time | CPU | memory | writes | netlink |
|---|---|---|---|---|---|---|---|---|
`

func render(all []result, commit string) string {
	var b strings.Builder
	fmt.Fprintf(&b, head, commit)
	for _, r := range all {
		name, rest, _ := strings.Cut(r.Cell, ":")
		services, reals, _ := strings.Cut(rest, ":")
		row := func(s step, tail string) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, services, reals, s.Name, tail)
		}
		for _, s := range r.Steps {
			memory, writes, packets := "–", "–", "–"
			if s.RSS > 0 {
				memory = fmt.Sprintf("%d MB", s.RSS>>20)
			}
			if s.Writes >= 0 {
				writes = fmt.Sprint(s.Writes)
			}
			if s.Netlink >= 0 {
				packets = fmt.Sprint(s.Netlink)
			}
			row(s, fmt.Sprintf("%s | %s | %s | %s | %s", seconds(s.Elapsed), seconds(s.CPU), memory, writes, packets))
		}
		if r.Cut {
			row(step{Name: "everything after that"}, fmt.Sprintf("> %.0f s | – | – | – | –", limit.Seconds()))
		}
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
