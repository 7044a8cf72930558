package daemon

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/conf"
)

// careFor gives this process the name, niceness, processors and memory that the
// configuration asks for. Threads that are made later inherit them. What was
// given is not taken back by a later configuration that asks for nothing.
func careFor(p conf.Process) error {
	var errs []error
	if p.Name != "" {
		errs = append(errs, os.WriteFile("/proc/self/comm", []byte(p.Name), 0))
	}
	if p.Nice != 0 || len(p.CPUs) > 0 {
		errs = append(errs, careForThreads(p))
	}
	if p.RunLimit > 0 {
		limit := uint64(p.RunLimit / time.Microsecond)
		errs = append(errs, os.NewSyscallError("setrlimit", unix.Setrlimit(unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: limit, Max: limit})))
	}
	if p.NoSwap {
		errs = append(errs, os.NewSyscallError("mlockall", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("set up process: %w", err)
	}
	return nil
}

// careForThreads sets niceness and processors of every thread. One that is made
// meanwhile inherits from the one that makes it (sched(7)), so the threads are
// gone through until none is left that differs.
func careForThreads(p conf.Process) error {
	var cpus unix.CPUSet
	for _, n := range p.CPUs {
		cpus.Set(n)
	}
	for {
		changed, err := eachThread(func(tid int) (bool, error) {
			niced, errNice := setNice(tid, p.Nice)
			moved, errMove := setProcessors(tid, &cpus)
			return niced || moved, errors.Join(errNice, errMove)
		})
		if err != nil || changed == 0 {
			return err
		}
	}
}

// setNice reports whether a thread had another niceness than the one wanted; 0
// is left alone.
func setNice(tid, nice int) (changed bool, err error) {
	if nice == 0 {
		return false, nil
	}
	// The system call tells 20 less than the niceness, the other way round.
	// sched_getattr(2) would not tell that of a thread in real time.
	have, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
	if err != nil || 20-have == nice {
		return false, err
	}
	return true, unix.Setpriority(unix.PRIO_PROCESS, tid, nice)
}

// setProcessors reports whether a thread had others than those wanted; none is
// left alone. Of those that the machine lacks the kernel keeps none.
func setProcessors(tid int, want *unix.CPUSet) (changed bool, err error) {
	if want.Count() == 0 {
		return false, nil
	}
	var before, after unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &before); err != nil || before == *want {
		return false, err
	}
	if err := unix.SchedSetaffinity(tid, want); err != nil {
		return false, err
	}
	err = unix.SchedGetaffinity(tid, &after)
	return after != before, err
}

// eachThread does something with every thread of this process and counts those
// that it changed. One that has ended meanwhile is nobody's.
func eachThread(do func(tid int) (changed bool, err error)) (changed int, err error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0, err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return changed, err
		}
		did, err := do(tid)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return changed, err
		}
		if did {
			changed++
		}
	}
	return changed, nil
}
