package matrix

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
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
	wrap func(c *cell) []string // what comes before the daemon's start, and what it is started by
	busy bool                   // others use the processor
}

// deaths are the signals that end a process: from outside, by a bad access, and
// by Go's or glibc's own abort, the end of a panic.
var deaths = []struct {
	name string
	sig  syscall.Signal
}{{"SIGKILL", syscall.SIGKILL}, {"SIGSEGV", syscall.SIGSEGV}, {"panic (SIGABRT)", syscall.SIGABRT}}

// faults are all rows.
func faults() []fault {
	var all []fault
	for _, part := range []string{"supervisor", "router", "checker"} {
		for _, d := range deaths {
			all = append(all, fault{name: part + ": " + d.name, do: func(c *cell) { c.kill(d.sig, c.part(part)) }})
		}
		all = append(all, fault{name: fmt.Sprintf("%s: SIGSTOP for %v", part, frozen), do: func(c *cell) { c.freeze(frozen, c.part(part)) }})
	}
	all = append(all, fault{name: fmt.Sprintf("router: SIGKILL beside %d busy processes", crowd), do: func(c *cell) { c.kill(syscall.SIGKILL, c.part("router")) }, wrap: crowded, busy: true})
	for _, d := range deaths {
		all = append(all, fault{name: "all: " + d.name, do: func(c *cell) { c.kill(d.sig, c.subject.tree()...) }})
	}
	all = append(all,
		fault{name: "all: SIGKILL, watchers too", do: func(c *cell) { c.kill(syscall.SIGKILL, c.everything()...) }},
		fault{name: fmt.Sprintf("all: SIGSTOP for %v", frozen), do: func(c *cell) { c.freeze(frozen, c.everything()...) }},
		fault{name: fmt.Sprintf("suspended for %v: frozen, and nothing in or out", suspended), do: (*cell).suspend},
		fault{name: "container killed", do: func(c *cell) { c.kill(syscall.SIGKILL, c.subject.PID()) }, wrap: container},
		fault{name: "out of memory: the kernel kills one process", do: (*cell).starve, wrap: confined},
		fault{name: "disk full, then the router is killed", do: func(c *cell) {
			c.fill()
			c.kill(syscall.SIGKILL, c.part("router"))
		}},
		fault{name: "clock set forward by an hour", do: func(c *cell) { c.step(time.Hour) }},
		fault{name: "clock set back by an hour", do: func(c *cell) { c.step(-time.Hour) }},
	)
	for _, e := range editions {
		all = append(all, fault{name: e.name, do: func(c *cell) { c.daemon.upgrade(c.t, c.lbs[0], c.subject, e) }})
	}
	return all
}

// everything is the daemon with what watches over it.
func (c *cell) everything() []int { return append(c.subject.watchers(), c.subject.tree()...) }

// crowd is how many processes want a processor all the time where one is busy.
const crowd = 4

// crowded makes the machine busy from before the daemons start until the end.
func crowded(c *cell) []string {
	for range crowd {
		c.lbs[0].Start("sh", "-c", "while :; do :; done")
	}
	return nil
}

func container(*cell) []string {
	return []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}
}

// part is the process of a part of the master's daemon.
func (c *cell) part(name string) int {
	c.t.Helper()
	all, err := c.subject.parts()
	if all[name] == 0 {
		c.t.Fatalf("find %s of %s: %v", name, c.daemon.name, err)
	}
	return all[name]
}

// kill sends a signal to all at once.
func (c *cell) kill(sig syscall.Signal, pids ...int) {
	if len(pids) > 1 { // none may see the end of another
		signal(syscall.SIGSTOP, pids)
	}
	signal(sig, pids)
	signal(syscall.SIGCONT, pids)
}

func (c *cell) freeze(during time.Duration, pids ...int) {
	signal(syscall.SIGSTOP, pids)
	time.Sleep(during)
	signal(syscall.SIGCONT, pids)
}

// suspended is shorter than a lease, whose time stands still with a machine.
const suspended = 3 * time.Second

// suspend lets nothing of the master run and no frame in or out.
func (c *cell) suspend() {
	c.net.Bridge("nowhere", "198.51.100.0/24")
	pids := c.everything()
	signal(syscall.SIGSTOP, pids)
	c.net.Move(c.lbs[0], "eth0", "nowhere")
	time.Sleep(suspended)
	c.net.Move(c.lbs[0], "eth0", "lan")
	signal(syscall.SIGCONT, pids)
}

func signal(sig syscall.Signal, pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // it may have ended
	}
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
