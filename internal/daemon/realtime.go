package daemon

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Scheduling policies (linux/sched.h).
const (
	policyOrdinary   = 0 // SCHED_OTHER
	policyRoundRobin = 2 // SCHED_RR
)

// setRealTime gives every thread of this process a real-time priority, or with
// 0 the ordinary scheduling. A thread that is made later inherits from the one
// that makes it (sched(7)), so the threads are gone through until none is left
// that differs. Nothing would reset that in a program started from here: it is
// for processes that start none.
func setRealTime(priority int) error {
	want := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policyOrdinary}
	if priority > 0 {
		want.Policy, want.Priority = policyRoundRobin, uint32(priority)
	}
	for {
		changed, err := setThreads(&want)
		if err != nil {
			return fmt.Errorf("set real-time priority %d: %w", priority, err)
		}
		if changed == 0 {
			return nil
		}
	}
}

// setThreads changes the threads that are not as wanted and counts them.
func setThreads(want *unix.SchedAttr) (changed int, err error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0, err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return changed, err
		}
		have, err := unix.SchedGetAttr(tid, 0)
		if err == nil {
			if have.Policy == want.Policy && have.Priority == want.Priority {
				continue
			}
			err = unix.SchedSetAttr(tid, want, 0)
		}
		switch {
		case errors.Is(err, unix.ESRCH): // the thread has ended
		case err != nil:
			return changed, err
		default:
			changed++
		}
	}
	return changed, nil
}
