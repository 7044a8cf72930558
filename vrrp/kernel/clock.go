package kernel

import (
	"time"

	"golang.org/x/sys/unix"
)

// base ties the boot-time clock to wall time, once for this process, so that
// later steps of wall time cannot disturb an election.
var base = struct {
	wall time.Time
	boot time.Duration
}{time.Now().Round(0), bootTime()}

// Now returns the time of CLOCK_BOOTTIME as wall time of this process's
// start plus what has passed since. Unlike time.Now it goes on counting while
// the machine is suspended and never jumps; it has no monotonic part.
func Now() time.Time { return base.wall.Add(bootTime() - base.boot) }

// bootTime reads CLOCK_BOOTTIME, the time since boot including suspend. All
// processes of a host agree on it.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// Known since Linux 2.6.39; nothing here works without a clock.
		panic("read CLOCK_BOOTTIME: " + err.Error())
	}
	return time.Duration(ts.Nano())
}

// sinceBoot turns a time returned by Now into time since boot.
func sinceBoot(t time.Time) time.Duration { return t.Sub(base.wall) + base.boot }
