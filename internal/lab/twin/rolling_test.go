package twin

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// rollingConf is the file of one of two nodes, which either daemon runs.
const rollingConf = `vrrp_instance web {
  interface eth0
  version 3
  virtual_router_id 51
  priority %d
  advert_int 0.2
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`

// outage is the longest time without an owner that a failover may take here:
// three adverts and the skew, and patience for a loaded machine.
const outage = 3 * time.Second

// TestKeepalived_RollingChange changes a live pair from keepalived to vipd,
// node by node, and back: the address is without an owner for no longer than
// one failover takes.
func TestKeepalived_RollingChange(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root, lab.Tool("keepalived"))
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	hosts := []*lab.Host{l.Host("lb1", "lan", "192.0.2.1/24"), l.Host("lb2", "lan", "192.0.2.2/24")}
	var procs [2]*lab.Proc
	run := func(i int, ours bool) {
		h := hosts[i]
		conf := fmt.Sprintf(rollingConf, 150-50*i)
		if !ours {
			procs[i] = h.Keepalived(conf)
			return
		}
		file := func(name string) string { return filepath.Join(h.Dir(), name) }
		procs[i] = h.Start(lab.Binary(t), "keepalived", "--dont-fork", "--vrrp", "--use-file", h.WriteFile("keepalived.conf", conf),
			"--pid", file("all.pid"), "--vrrp_pid", file("vrrp.pid"), "--checkers_pid", file("check.pid"),
			"--runtime-dir", file("run"), "--state-dir", file("state"))
	}
	owners := l.Ownership("192.0.2.100", hosts...)
	change := func(i int, ours bool) {
		t.Helper()
		procs[i].Signal(syscall.SIGTERM)
		lab.WaitFor(t, "the other node has the address alone", converge, func() error { return owners.Only(hosts[1-i]) })
		lab.WaitFor(t, "the daemon ends", converge, func() error {
			if procs[i].Running() {
				return fmt.Errorf("it runs")
			}
			return nil
		})
		run(i, ours)
		lab.WaitFor(t, fmt.Sprintf("lb1 is master after the change of lb%d", i+1), converge, func() error { return owners.Only(hosts[0]) })
	}
	run(0, false)
	run(1, false)
	lab.WaitFor(t, "lb1 is master", converge, func() error { return owners.Only(hosts[0]) })
	began := time.Now()
	for _, ours := range []bool{true, false} {
		change(1, ours)
		change(0, ours)
	}
	gap := longestGap(owners, began, hosts...)
	t.Logf("longest time without an owner: %v", gap)
	if gap > outage {
		t.Errorf("the address was without an owner for %v, more than %v", gap, outage)
	}
}

// longestGap is the longest time since began without any owner.
func longestGap(owners *lab.Ownership, began time.Time, hosts ...*lab.Host) (longest time.Duration) {
	var spans []lab.Span
	for _, h := range hosts {
		spans = append(spans, owners.Spans(h)...)
	}
	slices.SortFunc(spans, func(a, b lab.Span) int { return a.Start.Compare(b.Start) })
	covered := began
	for _, s := range spans {
		longest = max(longest, s.Start.Sub(covered))
		if s.End.IsZero() {
			return longest
		}
		if s.End.After(covered) {
			covered = s.End
		}
	}
	return longest
}
