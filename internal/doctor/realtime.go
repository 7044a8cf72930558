package doctor

import (
	"strconv"
	"strings"

	"github.com/vipd/vipd/conf"
	"golang.org/x/sys/unix"
)

// realTime: the right to the priority that the configuration asks for, and the
// kernel's bound on what a thread with one may take.
func (x *examination) realTime(cfg *conf.Config) {
	const share = "kernel/sched_rt_runtime_us"
	priority := cfg.Global.RealTimePriority
	switch {
	case len(cfg.Routers) == 0 || priority == 0:
	case !x.mayRaisePriority():
		x.add(Warning, "realtime_priority", "run vipd with CAP_SYS_NICE, or global { realtime_priority = 0 }",
			"real-time priority %d takes the capability CAP_SYS_NICE: without it a busy machine can delay adverts", priority)
	case x.sysctl(share) == "0":
		x.add(Warning, "realtime_priority", "sysctl kernel.sched_rt_runtime_us=950000", "%s is 0: the kernel refuses real-time priorities", share)
	case x.sysctl(share) == "-1":
		x.add(Warning, "realtime_priority", "sysctl kernel.sched_rt_runtime_us=950000", "%s is -1: nothing keeps a real-time thread from taking a processor for itself", share)
	default:
		x.add(OK, "realtime_priority", "", "the router role may have real-time priority %d", priority)
	}
}

// mayRaisePriority tells whether this process has CAP_SYS_NICE.
func (x *examination) mayRaisePriority() bool {
	for line := range strings.Lines(x.read("proc/self/status")) {
		if set, ok := strings.CutPrefix(line, "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)
			return err == nil && caps&(1<<unix.CAP_SYS_NICE) != 0
		}
	}
	return false
}
