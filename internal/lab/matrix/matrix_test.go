package matrix

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// What a run is asked for; a guest inherits it.
const (
	pageEnv   = "VIPD_LAB_PAGE"   // write the results of all faults to this file
	commitEnv = "VIPD_LAB_COMMIT" // what it says that it was made of
)

// short is the fault that every test run looks at: one that nobody must notice.
const short = "router: SIGKILL"

// TestMatrix breaks directors. The full matrix takes about twelve minutes.
func TestMatrix(t *testing.T) {
	page := os.Getenv(pageEnv)
	if page == "" {
		lab.Need(t, lab.Root)
		watched = 3 * time.Second
		for _, f := range faults() {
			if f.name == short {
				r := measure(t, daemons[0], f)
				r.expect(t)
				if r.Both+r.Nobody > time.Second {
					t.Errorf("%s: both %v, nobody %v", r.Holders, r.Both, r.Nobody)
				}
			}
		}
		return
	}
	if !lab.Guest(t) {
		return
	}
	cells := make(map[string]map[string]*result)
	for _, f := range faults() {
		cells[f.name] = make(map[string]*result)
		for _, d := range daemons {
			t.Run(f.name+"/"+d.name, func(t *testing.T) {
				r := undisturbed(t, d, f)
				if r.Sent == 0 {
					return // it was skipped, or says why itself
				}
				cells[f.name][d.name] = &r
				if d.name == "vipd" {
					r.expect(t)
				}
			})
		}
	}
	if err := os.WriteFile(page, []byte(render(cells, os.Getenv(commitEnv))), 0o644); err != nil {
		t.Fatal(err)
	}
}

// expect checks what holds for vipd however busy the machine is.
func (r *result) expect(t *testing.T) {
	t.Helper()
	t.Logf("%s: both %v, nobody %v, no advert for %v, %d of %d lost, IPVS %s → %s, normal after %v",
		r.Holders, r.Both, r.Nobody, r.Silence, r.Lost, r.Sent, r.Before, r.After, r.Normal)
	if r.After == "0/0" && r.Before != r.After {
		t.Errorf("the IPVS table is gone: %s → %s", r.Before, r.After)
	}
	if both := 8 * time.Second; r.Both > both {
		t.Errorf("two directors had the VIP for %v", r.Both)
	}
	if strings.HasSuffix(r.Holders, "+lb2") || strings.Contains(r.Holders[strings.LastIndex(r.Holders, ",")+1:], "nobody") {
		t.Errorf("it ended with the VIP on %s", r.Holders)
	}
}

// render writes the page.
func render(cells map[string]map[string]*result, commit string) string {
	var b strings.Builder
	fmt.Fprintf(&b, preface, commit, interval, pace, watched)
	for _, f := range faults() {
		for _, d := range daemons {
			r := cells[f.name][d.name]
			if r == nil {
				fmt.Fprintf(&b, "| %s | %s | not measured | | | | | | |\n", f.name, d.name)
				continue
			}
			lost := fmt.Sprintf("%d of %d", r.Lost, r.Sent)
			if !f.busy && r.disturbed() {
				lost += " (disturbed)"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.3f s | %s | %s → %s | %s |\n", f.name, d.name, r.Holders,
				seconds(r.Both), seconds(r.Nobody), r.Silence.Seconds(), lost, r.Before, r.After, r.normal())
		}
	}
	return b.String()
}

// normal tells when the broken director was as before.
func (r *result) normal() string {
	if r.Normal > watched-2*glance {
		return "not by itself"
	}
	return seconds(r.Normal)
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

const preface = `# Failure modes

Made by ` + "`make matrix`" + ` from %s: two directors with one VIP (priorities 150 and 100, VRRPv3, adverts every %v), an IPVS service with two real servers behind it,
and a client that pings the VIP every %v. Each row breaks the master, lb1, and watches for %v from then on. Both daemons run by themselves, without a
service manager that would start them again; vipd's guard stands in for the unit's ` + "`ExecStopPost`" + `. All of it runs in a
user-mode Linux guest with one slow CPU where the machine's kernel has no IPVS: times are good to about 20 ms.

* *holders*: which directors had the VIP on an interface, from when on; *both* and *nobody*: for how long in sum.
* *no advert*: the longest time in which no director sent one.
* *lost*: requests (ICMP echo) without an answer. A row in which the client could not send 85 %% of its requests, because the machine had other work, is measured
  once more; one that is *disturbed* both times says little.
* *IPVS*: services / serving real servers in the table of the broken director, before and at the end.
* *panic* is SIGABRT, by which Go ends a program after printing all its goroutines. keepalived ignores it.
* *normal after*: when the broken director was as before: owner of the VIP, all processes, table. What is dead stays dead here; the other one serves.

| fault | daemon | holders | both | nobody | no advert | lost | IPVS | normal after |
|---|---|---|---|---|---|---|---|---|
`
