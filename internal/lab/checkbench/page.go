package main

import (
	"fmt"
	"strings"
)

// row is one cell of the page.
type row struct {
	load   load
	daemon string
	figures
	err error
}

const head = `# Benchmarks of health checks

Written by ` + "`make bench`" + `: vipd and keepalived with the same targets, which are another process, each in a guest of its own (user-mode Linux
6.1, one slow CPU, real IPVS), both at the same time. Figures are comparable within one run only.

CPU per check is what the checking process used, divided by the checks that arrived, by the guest's clock, which ticks a hundred times a second and misses what
comes and goes between two ticks. "Guest per check" is what the whole guest used, by the host's clock, divided in the same way: real servers, kernel and all
processes of the daemon, adverts included. The real servers are the same: what differs is the daemon. "Machine" is how busy all that keeps
the guest, by the same clock. The checker's memory is what is resident; of all processes together, pages that they share count once. "Longest pause" is the
longest time that a target waited for its next check. Death and recovery are of one real server, until /proc/net/ip_vs shows them; both daemons retry once, after a second,
before they take a server out. Beside the checks, vipd sends adverts of VRRP every 100 ms: "adverts late" is their mean lateness meanwhile; the first row is without checks.
"Status" is how long ` + "`vipd status --json`" + ` took under the load.

| check | real servers | interval | daemon | checks/s | CPU per check | guest per check | CPU used | machine | checker | all processes | longest pause | death → weight 0 | back → weight | adverts late | status |
|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`

// render writes the page.
func render(rows []row, goals []goal, commit string) string {
	var b strings.Builder
	b.WriteString(head)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | ", r.load.kind, r.load.servers, r.load.interval, r.daemon)
		if r.err != nil {
			fmt.Fprintf(&b, "not measured: %s ||||||||||||\n", strings.ReplaceAll(r.err.Error(), "\n", " "))
			continue
		}
		elapsed := r.load.window()
		late, status := "–", "–"
		if r.Late >= 0 {
			late, status = fmt.Sprintf("%.2f ms", milliseconds(r.Late)), short(r.Status)
		}
		death, recovery, pause := "–", "–", "–"
		if r.Checks > 0 {
			death, recovery, pause = short(r.Death), short(r.Recovery), short(r.Pause)
		}
		fmt.Fprintf(&b, "%.0f | %s | %s | %.0f %% | %.0f %% | %.1f MB | %.1f MB | %s | %s | %s | %s | %s |\n",
			float64(r.Checks)/elapsed.Seconds(), perCheck(r.CPU, r.Checks), perCheck(r.Host, r.Checks), 100*r.CPU.Seconds()/elapsed.Seconds(), r.busy(),
			float64(r.Checker)/1024, float64(r.All)/1024, pause, death, recovery, late, status)
	}
	b.WriteString("\n## Goals\n\n| goal | measured | held |\n|---|---|---|\n")
	for _, g := range goals {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", g.name, g.measured, map[bool]string{true: "yes", false: "**no**"}[g.held])
	}
	if commit != "" {
		fmt.Fprintf(&b, "\nTaken at %s.\n", commit)
	}
	return b.String()
}
