package storm

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// render makes the page.
func render(all []result, takeovers []takeover) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Storm

Made by `+"`make storm`"+` at commit %s on %d processors (%s). Two directors in network namespaces, all instances on one segment, a SIGHUP at half time. Gaps are the
longest time between two adverts of one virtual router, by the kernel's time stamps at a third host; a lost mastership is an advert of another master than the
one before. The busy loops run each in a session of its own. A saturated checker makes %d TLS handshakes every %v, as far as it gets; its column says how
many processors it got. The machine stood still when not even a thread of the highest real-time priority ran on a processor; the column says how long
within the time that a backup waits after the last advert. Where masterships were lost while that was as long as it waits after one is due, the row was
measured again, %d times at most. Loops of the policy SCHED_IDLE keep the
processors from going idle, as the host of a virtual machine takes them away then. keepalived's checker needs IPVS and has no such row. `+"`realtime_priority = 0`"+` takes the default away, which is why it is one.

| daemon | instances | interval | load | time | settled in | adverts | of | largest gap | the machine stood still | measured again | lost masterships | checker |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
`, *commit, runtime.NumCPU(), runtime.GOARCH, busyChecks, checkInterval, retakes)
	for _, r := range all {
		checker := "–"
		if r.checks > 0 {
			checker = fmt.Sprintf("%.2f", r.checker)
		}
		due := r.instances * int(r.during/r.interval)
		fmt.Fprintf(&b, "| %v | %d | %v | %s | %v | %v | %d | %d | %s | %s | %d | %d | %s |\n", r.daemon, r.instances, r.interval, r.loadText(), r.during,
			r.settled.Round(10*time.Millisecond), r.adverts, due, tenths(r.largest), tenths(r.stall), r.again, r.changes, checker)
	}
	fmt.Fprintf(&b, `
## Failover

One virtual router, interval %v, priorities 150 and %d. The master and everything it started is killed with SIGKILL at a random time; what counts is the time
from its last advert to the first one of the backup. By RFC 9568 it is 3 intervals and the skew: %v.

| daemon | load | times | least | median | most | median beyond the RFC's |
|---|---|---|---|---|---|---|
`, failoverInterval, backupPriority, failover{}.bound())
	for _, r := range takeovers {
		fmt.Fprintf(&b, "| %v | %s | %d | %s | %s | %s | %s |\n", r.daemon, r.loadText(), len(r.took),
			tenths(slices.Min(r.took)), tenths(r.median()), tenths(slices.Max(r.took)), tenths(r.median()-r.bound()))
	}
	return b.String()
}

// tenths rounds to tenths of a millisecond.
func tenths(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
