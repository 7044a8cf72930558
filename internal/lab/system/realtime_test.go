package system

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// Every thread of the router role has a real-time priority, and no thread of
// any other process of the daemon; a reload takes it away and gives it back.
func TestRealTimePriority(t *testing.T) {
	p := newPair(t)
	v := p.lb1.Vipd(config())
	p.ownedBy(p.lb1, settle)
	router := p.role(v, "router")
	if strings.Contains(v.Log(), "set real-time priority") {
		t.Skipf("%sneeds the right to real-time scheduling", lab.SkipMark)
	}
	expect := func(priority uint32) {
		t.Helper()
		lab.WaitFor(t, fmt.Sprintf("the router role has priority %d", priority), settle, func() error {
			return errors.Join(scheduled(router, priority), scheduled(v.PID(), 0), scheduled(p.role(v, "checker"), 0))
		})
	}
	expect(1)
	v.Reload(config() + "global {\n  realtime_priority = 0\n}\n")
	expect(0)
	v.Reload(config() + "global {\n  realtime_priority = 7\n}\n")
	expect(7)
	if now := p.role(v, "router"); now != router {
		t.Errorf("the router role was started again: process %d, was %d", now, router)
	}
	for _, pid := range v.Tree() {
		if pid != router {
			if err := scheduled(pid, 0); err != nil {
				t.Error(err)
			}
		}
	}
}

// scheduled returns nil when all threads of a process have the real-time
// priority, 0 for none.
func scheduled(pid int, priority uint32) error {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return err
		}
		have, err := unix.SchedGetAttr(tid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return err
		}
		if have.Priority != priority || (have.Policy == 0) != (priority == 0) {
			return fmt.Errorf("thread %d of process %d: policy %d, priority %d, want priority %d", tid, pid, have.Policy, have.Priority, priority)
		}
	}
	return nil
}
