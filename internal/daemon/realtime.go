package daemon

import (
	"fmt"

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
		changed, err := eachThread(func(tid int) (bool, error) { return setPolicy(tid, &want) })
		if err != nil {
			return fmt.Errorf("set real-time priority %d: %w", priority, err)
		}
		if changed == 0 {
			return nil
		}
	}
}

// setPolicy changes the scheduling of a thread unless it is as wanted.
func setPolicy(tid int, want *unix.SchedAttr) (changed bool, err error) {
	have, err := unix.SchedGetAttr(tid, 0)
	if err != nil || have.Policy == want.Policy && have.Priority == want.Priority {
		return false, err
	}
	return true, unix.SchedSetAttr(tid, want, 0)
}
