package storm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// failover is a master of one virtual router that is killed again and again.
type failover struct {
	daemon
	busy  bool
	tries int
}

// takeover is how long after the last advert of the dead master that of its
// backup came, each time.
type takeover struct {
	failover
	took []time.Duration
}

const (
	failoverInterval = 100 * time.Millisecond
	backupPriority   = 100
	failoverTries    = 20
)

func failovers() []failover {
	return []failover{{ours{}, false, failoverTries}, {ours{}, true, failoverTries}, {keepalived{}, false, failoverTries}, {keepalived{}, true, failoverTries}}
}

func (f failover) loadText() string {
	if f.busy {
		return fmt.Sprintf("%d %s", busyLoops, loadLoops)
	}
	return loadNone
}

func (f failover) String() string { return fmt.Sprintf("%v, %s", f.daemon, f.loadText()) }

// bound is when the backup takes over.
func (f failover) bound() time.Duration { return masterDown(failoverInterval) }

func (r takeover) median() time.Duration {
	sorted := slices.Sorted(slices.Values(r.took))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func (f failover) run(t *testing.T) takeover {
	at := newSite(t)
	lab.Binary(t)
	s := setup{instances: 1, interval: failoverInterval}
	f.start(at.lb2, s, backupPriority)
	if f.busy {
		lab.Burn(t, busyLoops)
	}
	r := takeover{failover: f}
	for range f.tries {
		d1 := f.start(at.lb1, s, 150)
		lab.WaitFor(t, "lb1 is master", time.Minute, func() error { return at.heard.owns(lb1, 1) })
		at.heard.since()
		d1.Kill()
		var s seen
		lab.WaitFor(t, "lb2 has taken over", time.Minute, func() error {
			if s = at.heard.since(); s.changes == 0 {
				return fmt.Errorf("no advert of lb2")
			}
			return nil
		})
		r.took = append(r.took, s.takeover)
	}
	t.Logf("%v: median %v of %v, bound %v", f, r.median(), r.took, f.bound())
	return r
}

// A dead master is replaced after the master-down interval, not before.
func TestFailover(t *testing.T) {
	lab.Need(t, lab.Root)
	f := failover{ours{}, false, 1}
	if r := f.run(t); r.took[0] < f.bound() || r.took[0] > f.bound()+2*time.Second {
		t.Errorf("took %v, want %v and little more", r.took[0], f.bound())
	}
}
