package matrix

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// frozen is how long a stopped process is stopped.
const frozen = 6 * time.Second

// fault is something that happens to the master.
type fault struct {
	name string
	do   func(c *cell)
	wrap []string // what the daemon is started by
}

// faults are all rows.
func faults() []fault {
	var all []fault
	for _, part := range []string{"supervisor", "router", "checker"} {
		for _, sig := range []struct {
			name string
			sig  syscall.Signal
		}{{"SIGKILL", syscall.SIGKILL}, {"SIGSEGV", syscall.SIGSEGV}, {"panic (SIGABRT)", syscall.SIGABRT}} {
			all = append(all, fault{name: part + ": " + sig.name, do: func(c *cell) { c.kill(sig.sig, c.part(part)) }})
		}
		all = append(all, fault{name: fmt.Sprintf("%s: SIGSTOP for %v", part, frozen), do: func(c *cell) { c.freeze(c.part(part)) }})
	}
	return append(all,
		fault{name: "all: SIGKILL, watched over from outside", do: func(c *cell) { c.kill(syscall.SIGKILL, c.subject.tree()...) }},
		fault{name: "all: SIGKILL, watchers too", do: func(c *cell) {
			c.kill(syscall.SIGKILL, append(c.subject.watchers(), c.subject.tree()...)...)
		}},
		fault{name: fmt.Sprintf("all: frozen for %v, as a suspended machine", frozen), do: func(c *cell) {
			c.freeze(append(c.subject.watchers(), c.subject.tree()...)...)
		}},
		fault{name: "container killed", do: func(c *cell) { c.kill(syscall.SIGKILL, c.subject.PID()) },
			wrap: []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}},
		fault{name: "out of memory: the largest process is killed", do: func(c *cell) { c.kill(syscall.SIGKILL, c.largest()) }},
		fault{name: "disk full, then the router is killed", do: func(c *cell) {
			c.fill()
			c.kill(syscall.SIGKILL, c.part("router"))
		}},
		fault{name: "clock set forward by an hour", do: func(c *cell) { c.step(time.Hour) }},
		fault{name: "clock set back by an hour", do: func(c *cell) { c.step(-time.Hour) }},
		fault{name: "upgrade to a binary that is no good", do: func(c *cell) { c.daemon.upgrade(c.t, c.lbs[0], c.subject) }},
	)
}

// part is the process of a part of the master's daemon.
func (c *cell) part(name string) int {
	c.t.Helper()
	pid, err := c.subject.pid(name)
	if err != nil {
		c.t.Fatalf("find %s of %s: %v", name, c.daemon.name, err)
	}
	return pid
}

// kill sends a signal to all at once.
func (c *cell) kill(sig syscall.Signal, pids ...int) {
	if len(pids) > 1 { // none may see the end of another
		signal(syscall.SIGSTOP, pids)
	}
	signal(sig, pids)
	signal(syscall.SIGCONT, pids)
}

func (c *cell) freeze(pids ...int) {
	signal(syscall.SIGSTOP, pids)
	time.Sleep(frozen)
	signal(syscall.SIGCONT, pids)
}

func signal(sig syscall.Signal, pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // it may have ended
	}
}

func terminate(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// largest is the process with the most resident memory (proc(5), statm).
func (c *cell) largest() (pid int) {
	var most int
	for _, p := range c.subject.tree() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p))
		fields := strings.Fields(string(b))
		if err != nil || len(fields) < 2 {
			continue
		}
		if pages, err := strconv.Atoi(fields[1]); err == nil && pages > most {
			pid, most = p, pages
		}
	}
	return pid
}

// fill leaves no room on the small disk of the master.
func (c *cell) fill() {
	f, err := os.Create(filepath.Join(c.lbs[0].Dir(), "fill"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, 4096); err == nil; {
		_, err = f.Write(page)
	}
}

// step sets the machine's clock, which is the guest's own. It is set back at the
// end.
func (c *cell) step(by time.Duration) {
	if os.Getenv(lab.GuestEnv) == "" {
		c.t.Skip(lab.SkipMark + "the clock of this machine is left alone")
	}
	add := func(d time.Duration) {
		tv := unix.NsecToTimeval(time.Now().Add(d).UnixNano())
		if err := unix.Settimeofday(&tv); err != nil {
			c.t.Fatal(err)
		}
	}
	add(by)
	c.t.Cleanup(func() { add(-by) })
}

func without(all, some []int) []int {
	return slices.DeleteFunc(slices.Clone(all), func(p int) bool { return slices.Contains(some, p) })
}
