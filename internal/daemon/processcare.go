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

func careForThreads(p conf.Process) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var cpus unix.CPUSet
	for _, n := range p.CPUs {
		cpus.Set(n)
	}
	var errs []error
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err == nil && p.Nice != 0 {
			err = unix.Setpriority(unix.PRIO_PROCESS, tid, p.Nice)
		}
		if err == nil && len(p.CPUs) > 0 {
			err = unix.SchedSetaffinity(tid, &cpus)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) { // a thread may have ended
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
