package storm

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

var (
	full   = flag.Duration("full", 0, "run every storm for this long instead of a short one")
	page   = flag.String("page", "", "write the results to this file")
	commit = flag.String("commit", "", "what the page says that it was made of")
)

// storm is one measurement.
type storm struct {
	daemon
	setup
	load string // none, checker, loops
}

func (s storm) String() string {
	return fmt.Sprintf("%v, %d instances, %v, %s", s.daemon, s.instances, s.interval, s.loadText())
}

// Loads.
const (
	loadNone    = "quiet"
	loadChecker = "saturated checker"
	loadLoops   = "busy loops"
)

func (s storm) loadText() string {
	text := s.load
	if s.load == loadLoops {
		text = fmt.Sprintf("%d %s", busyLoops, text)
	}
	if s.ordinary {
		text += ", realtime_priority = 0"
	}
	return text
}

// result is what a storm did.
type result struct {
	storm
	during  time.Duration
	settled time.Duration // from start to the last change of a master before the measurement
	checker float64       // processors that the checker role of the master took
	stall   time.Duration // longest time within a master-down that processors themselves stood still
	again   int           // how often it was measured again
	seen
}

// storms are all measurements.
func storms() (all []storm) {
	for _, size := range []setup{{instances: 255, interval: 100 * time.Millisecond}, {instances: 50, interval: 10 * time.Millisecond}} {
		checking, ordinary := size, size
		checking.checks, ordinary.ordinary = busyChecks, true
		all = append(all,
			storm{ours{}, size, loadNone}, storm{ours{}, checking, loadChecker}, storm{ours{}, size, loadLoops}, storm{ours{}, ordinary, loadLoops},
			storm{keepalived{}, size, loadNone}, storm{keepalived{}, size, loadLoops})
	}
	return all
}

// A short storm is part of every test run: nothing is lost while the machine
// keeps up with the protocol at all. The full one fails where vipd, as it is by
// default, loses a mastership.
func TestStorm(t *testing.T) {
	lab.Need(t, lab.Root)
	if *full == 0 {
		r := run(t, storm{ours{}, setup{instances: 50, interval: 100 * time.Millisecond}, loadNone}, 3*time.Second)
		if down := 3 * r.interval; r.changes > 0 && r.largest < down {
			t.Errorf("%d masterships lost, though no gap was longer than %v", r.changes, r.largest)
		}
		return
	}
	lab.Need(t, lab.Tool("keepalived"))
	var all []result
	for _, s := range storms() {
		t.Run(s.String(), func(t *testing.T) {
			r := taken(t, s)
			if s.daemon == (ours{}) && !s.ordinary && r.changes > 0 {
				t.Errorf("%d masterships lost", r.changes)
			}
			all = append(all, r)
		})
	}
	var takeovers []takeover
	for _, f := range failovers() {
		t.Run("failover, "+f.String(), func(t *testing.T) {
			r := f.run(t)
			if late := r.median() - f.bound(); f.daemon == (ours{}) && late.Abs() > time.Millisecond {
				t.Errorf("the median is %v, %v from %v", r.median(), late, f.bound())
			}
			takeovers = append(takeovers, r)
		})
	}
	if *page != "" {
		if err := os.WriteFile(*page, []byte(render(all, takeovers)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// retakes is how often a storm is measured again in which masterships were lost
// while the machine itself stood still for as long as a backup waits after an
// advert is due: such a one is about the machine.
const retakes = 4

// taken measures one storm on a machine that runs.
func taken(t *testing.T, s storm) (r result) {
	for again := 0; ; again++ {
		t.Run("", func(t *testing.T) {
			r = run(t, s, *full)
			r.again = again
		})
		if t.Failed() || r.changes == 0 || r.stall < masterDown(s.interval)-s.interval || again == retakes {
			return r
		}
	}
}

// masterDown is how long the backup waits (RFC 9568 §6.1).
func masterDown(interval time.Duration) time.Duration {
	return 3*interval + (256-backupPriority)*interval/256
}

// lb1 is the address of the better director.
var lb1 = netip.MustParseAddr("10.0.255.1")

// site is two directors on a segment with a witness.
type site struct {
	lb1, lb2 *lab.Host
	heard    *gaps
}

func newSite(t *testing.T) site {
	lab.KeepAwake(t)
	l := lab.New(t)
	l.Bridge("lan", "10.0.0.0/16")
	s := site{lb1: l.Host("lb1", "lan", lb1.String()+"/16"), lb2: l.Host("lb2", "lan", "10.0.255.2/16")}
	s.heard = watchGaps(t, l.Host("witness", "lan", "10.0.255.3/16"), "eth0")
	return s
}

// run measures one storm: both directors start, settle, and run for the time
// with a reload at its half. One with checks is master before the other one
// starts: without IPVS, as in a namespace, its table is never ready, and it
// preempts nobody for 30 s.
func run(t *testing.T, s storm, during time.Duration) result {
	at := newSite(t)
	r := result{storm: s, during: during}
	if s.checks > 0 {
		play(t, at.lb1, "targets")
	}
	lab.Binary(t)
	began := time.Now()
	d1 := s.start(at.lb1, s.setup, 150)
	settles := func() {
		lab.WaitFor(t, "lb1 is master of everything", 3*time.Minute, func() error { return at.heard.owns(lb1, s.instances) })
	}
	if s.checks > 0 {
		settles()
	}
	s.start(at.lb2, setup{instances: s.instances, interval: s.interval, ordinary: s.ordinary}, backupPriority)
	settles()
	r.settled = at.heard.since().changed.Sub(began)
	if s.load == loadLoops {
		lab.Burn(t, busyLoops)
	}
	var before time.Duration
	if s.checks > 0 {
		before = worked(t, d1)
	}
	stalls := watchStalls(t, at.lb2, masterDown(s.interval))
	time.Sleep(during / 2)
	d1.Signal(syscall.SIGHUP)
	time.Sleep(during / 2)
	end := time.Now()
	r.stall = stalls()
	lab.WaitFor(t, "the witness has read everything", time.Minute, func() error { return at.heard.caughtUp(end) })
	if err := at.heard.packets.Complete(); err != nil {
		t.Error(err)
	}
	r.seen = at.heard.since()
	if s.checks > 0 {
		r.checker = (worked(t, d1) - before).Seconds() / during.Seconds()
	}
	t.Logf("%v: settled in %v, largest gap %v, %d adverts, %d masterships lost, checker took %.2f processors, the machine stood still %v",
		s, r.settled, r.largest, r.adverts, r.changes, r.checker, r.stall)
	return r
}
