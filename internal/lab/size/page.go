package main

import (
	"fmt"
	"strings"
	"time"
)

const head = `# Benchmarks

Written by ` + "`make bench`" + ` at %s: IPVS tables of different sizes in the guest of the lab (user-mode Linux 6.1, one slow CPU, real ip_vs), vipd and keepalived one after the other in the same guest.
One virtual router holds the addresses of all services and sends an advert every 100 ms. Both check every real server by TCP once an hour, the first time at random within one; the table that vipd verifies every 30 s by default it verifies in a step of its own. Time is until the daemon rests; CPU and memory are those of all its processes; of the CPU of reloads and stops, what adverts alone take in that time is subtracted.
"Writes" are the operations on the kernel's table that were asked for, counted on the netlink monitor like "netlink", the packets between all programs and the kernel in both directions (one packet of vipd carries up to 128 operations).
"Gap" is the longest time between two adverts on the wire, by the kernel's time stamps. Only comparisons within one run mean anything.
`

const columns = `| step | daemon | time | CPU | memory | writes | netlink | gap | |
|---|---|---|---|---|---|---|---|---|
`

func render(all []step, goals []goal, commit string) string {
	var b strings.Builder
	fmt.Fprintf(&b, head, commit)
	b.WriteString("\n## Goals\n\n| goal | measured | held |\n|---|---|---|\n")
	for _, g := range goals {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", g.name, g.measured, map[bool]string{true: "yes", false: "**no**"}[g.held])
	}
	for _, size := range sizesOf(all) {
		fmt.Fprintf(&b, "\n## %d services, %d real servers\n\n%s", size.Services, size.Reals, columns)
		for _, name := range []string{startEmpty, reloadSame, reloadComment, reloadWeight, verifyTable, startKilled, stopAll} {
			for _, s := range all {
				if s.Name == name && s.Place == inGuest && s.Services == size.Services && s.Reals == size.Reals {
					b.WriteString(s.row())
				}
			}
		}
	}
	b.WriteString("\n## Adverts on the machine itself\n\nvipd, outside of the guest, without IPVS where the kernel has none. \"Late\" are adverts sent more than a tenth of the interval after their time.\n\n" +
		"| services | real servers | step | CPU | gap | late |\n|---|---|---|---|---|---|\n")
	for _, s := range all {
		if s.Place == onHost && s.isReload() {
			fmt.Fprintf(&b, "| %d | %d | %s | %s | %s | %s |\n", s.Services, s.Reals, s.Name, seconds(s.CPU), milliseconds(s.Gap), count(s.Late))
		}
	}
	return b.String()
}

// sizesOf lists the sizes in the order in which they were measured.
func sizesOf(all []step) (out []cell) {
	seen := map[cell]bool{}
	for _, s := range all {
		if c := (cell{Services: s.Services, Reals: s.Reals}); !seen[c] {
			seen[c], out = true, append(out, c)
		}
	}
	return out
}

// row is the step as a line of the table.
func (s step) row() string {
	took, remark := seconds(s.Elapsed), s.Trouble
	if s.Cut {
		took = fmt.Sprintf("> %.0f s", s.Elapsed.Seconds())
	}
	memory := "–"
	if s.RSS > 0 {
		memory = fmt.Sprintf("%d MB", s.RSS>>20)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
		s.Name, s.Daemon, took, seconds(s.CPU), memory, count(s.Writes), count(s.Netlink), milliseconds(s.Gap), remark)
}

func (s step) isReload() bool {
	return s.Name == reloadSame || s.Name == reloadComment || s.Name == reloadWeight
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// milliseconds shows a gap; there is none before the second advert.
func milliseconds(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// count shows a number that may be unknown.
func count(n int) string {
	if n < 0 {
		return "–"
	}
	return fmt.Sprint(n)
}
