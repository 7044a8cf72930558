package kernel

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Clock ties the boot-time clock to wall time, so that later steps of wall time
// cannot disturb an election.
type Clock struct {
	Wall time.Time
	Boot time.Duration
}

// base is the clock of this process.
var base atomic.Pointer[Clock]

func init() { base.Store(&Clock{time.Now().Round(0), bootTime()}) }

// ClockOf returns the clock of this process.
func ClockOf() Clock { return *base.Load() }

// AdoptClock makes Now agree with that of another process of this host. It has
// to come before the first use of Now that matters.
func AdoptClock(c Clock) { base.Store(&c) }

// Now returns the time of CLOCK_BOOTTIME as wall time of this process's
// start plus what has passed since. Unlike time.Now it goes on counting while
// the machine is suspended and never jumps; it has no monotonic part.
func Now() time.Time {
	c := base.Load()
	return c.Wall.Add(bootTime() - c.Boot)
}

// SinceBoot is how long the machine has been running, suspended time included.
func SinceBoot() time.Duration { return bootTime() }

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
func sinceBoot(t time.Time) time.Duration {
	c := base.Load()
	return t.Sub(c.Wall) + c.Boot
}
