package storm

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

var (
	full = flag.Duration("full", 0, "run every storm for this long instead of a short one")
	page = flag.String("page", "", "write the results to this file")
)

// storm is one measurement.
type storm struct {
	instances int
	interval  time.Duration
	busy      int  // endless loops, each in a session of its own
	realTime  bool // the routers run with real-time priority
}

func (s storm) String() string {
	load := "quiet"
	if s.busy > 0 {
		load = fmt.Sprintf("%d busy loops", s.busy)
	}
	if s.realTime {
		load += ", real-time"
	}
	return fmt.Sprintf("%d instances, %v, %s", s.instances, s.interval, load)
}

// result is what a storm did.
type result struct {
	storm
	during  time.Duration
	settled time.Duration // from start to one master of everything
	gap     time.Duration
	adverts int
	lost    int // masterships
	late    time.Duration
}

const busyLoops = 12

var storms = []storm{
	{255, 100 * time.Millisecond, 0, false},
	{50, 10 * time.Millisecond, 0, false},
	{255, 100 * time.Millisecond, busyLoops, false},
	{50, 10 * time.Millisecond, busyLoops, false},
	{255, 100 * time.Millisecond, busyLoops, true},
	{50, 10 * time.Millisecond, busyLoops, true},
}

// A short storm is part of every test run; its bound is generous.
func TestStorm(t *testing.T) {
	lab.Need(t, lab.Root)
	if *full == 0 {
		r := run(t, storm{50, 100 * time.Millisecond, 0, false}, 3*time.Second)
		if r.lost > 0 {
			t.Errorf("%d masterships lost", r.lost)
		}
		return
	}
	var all []result
	for _, s := range storms {
		t.Run(s.String(), func(t *testing.T) {
			r := run(t, s, *full)
			if s.busy == 0 && r.lost > 0 {
				t.Errorf("%d masterships lost on a quiet machine", r.lost)
			}
			all = append(all, r)
		})
	}
	if *page != "" {
		if err := os.WriteFile(*page, []byte(render(all)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run measures one storm: both directors start, settle, and run for the time
// with a reload at its half.
func run(t *testing.T, s storm, during time.Duration) result {
	l := lab.New(t)
	l.Bridge("lan", "10.0.0.0/16")
	lb1, lb2 := l.Host("lb1", "lan", "10.0.255.1/16"), l.Host("lb2", "lan", "10.0.255.2/16")
	g := watchGaps(t, l.Host("witness", "lan", "10.0.255.3/16"), "eth0")
	r := result{storm: s, during: during}
	lab.Binary(t)
	began := time.Now()
	v1, v2 := lb1.Vipd(s.config()), lb2.Vipd(s.config())
	lab.WaitFor(t, "lb1 is master of everything", time.Minute, func() error { return s.owns(v1, v2) })
	r.settled = time.Since(began)
	if s.realTime {
		makeRealTime(t, v1, v2)
	}
	for range s.busy {
		burn(t)
	}
	before := mastered(t, v1) + mastered(t, v2)
	g.since()
	time.Sleep(during / 2)
	v1.Signal(syscall.SIGHUP)
	time.Sleep(during / 2)
	r.gap, r.adverts = g.since()
	r.lost = mastered(t, v1) + mastered(t, v2) - before
	r.late = lateness(t, v1)
	t.Logf("%v: settled in %v, largest gap %v, %d adverts, %d masterships lost, latest advert %v",
		s, r.settled, r.gap, r.adverts, r.lost, r.late)
	return r
}

// config has one address per instance.
func (s storm) config() string {
	var b strings.Builder
	b.WriteString("version = 1\ndirector \"lb1\" {\n  address  = \"10.0.255.1\"\n  priority = 150\n}\ndirector \"lb2\" {\n  address  = \"10.0.255.2\"\n  priority = 100\n}\n")
	for i := 1; i <= s.instances; i++ {
		fmt.Fprintf(&b, `vrrp_instance "i%d" {
  interface       = "eth0"
  vrid            = %d
  version         = 3
  priority        = director.priority
  advert_interval = "%v"
  virtual_address = ["10.0.1.%d/32"]
}
`, i, i, s.interval, i)
	}
	return b.String()
}

// owns returns nil when the first daemon is master of everything and the
// second of nothing.
func (s storm) owns(v1, v2 *lab.Vipd) error {
	for v, want := range map[*lab.Vipd]vrrp.State{v1: vrrp.StateMaster, v2: vrrp.StateBackup} {
		var st api.Status
		if err := v.Status(&st); err != nil {
			return err
		}
		n := 0
		for _, in := range st.Instances {
			if in.State == want {
				n++
			}
		}
		if n != s.instances {
			return fmt.Errorf("%s: %d of %d are %v", v.Host.Name, n, s.instances, want)
		}
	}
	return nil
}

// status asks until it gets an answer: on a saturated machine that may take.
func status(t *testing.T, v *lab.Vipd) (st api.Status) {
	t.Helper()
	lab.WaitFor(t, v.Host.Name+" tells its status", time.Minute, func() error { return v.Status(&st) })
	return st
}

// mastered counts how often a daemon's instances became master.
func mastered(t *testing.T, v *lab.Vipd) (n int) {
	t.Helper()
	for _, in := range status(t, v).Instances {
		n += int(in.Counters.BecameMaster)
	}
	return n
}

// lateness is the latest that an advert of a daemon left.
func lateness(t *testing.T, v *lab.Vipd) (late time.Duration) {
	t.Helper()
	for _, in := range status(t, v).Instances {
		late = max(late, in.Counters.LatenessMax)
	}
	return late
}

// burn keeps a processor busy until the end of the test, in a session of its
// own: the kernel shares processors between sessions first.
func burn(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// makeRealTime gives all threads of the router roles the lowest real-time
// priority.
func makeRealTime(t *testing.T, daemons ...*lab.Vipd) {
	t.Helper()
	for _, v := range daemons {
		for _, role := range status(t, v).Roles {
			if role.Name != "router" {
				continue
			}
			tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", role.PID))
			if err != nil {
				t.Fatal(err)
			}
			for _, task := range tasks {
				var tid int
				fmt.Sscan(task.Name(), &tid)
				attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
				if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
					t.Skipf("%sneeds the right to real-time scheduling: %v", lab.SkipMark, err)
				}
			}
		}
	}
}

// render makes the page.
func render(all []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Storm

Made by %s on %d processors. Two directors in network namespaces, all instances on one segment, a SIGHUP at half time. Gaps are the longest time between two
adverts of one virtual router, by the kernel's time stamps; a lost mastership is any change of master. The busy loops run each in a session of its own.

| instances | interval | load | time | settled in | adverts | largest gap | latest advert | lost masterships |
|---|---|---|---|---|---|---|---|---|
`, "`make storm`", runtime.NumCPU())
	for _, r := range all {
		load := strings.SplitN(r.storm.String(), ", ", 3)[2]
		fmt.Fprintf(&b, "| %d | %v | %s | %v | %v | %d | %v | %v | %d |\n", r.instances, r.interval, load, r.during,
			r.settled.Round(10*time.Millisecond), r.adverts, r.gap.Round(100*time.Microsecond), r.late.Round(100*time.Microsecond), r.lost)
	}
	return b.String()
}
