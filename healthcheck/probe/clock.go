package probe

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clock wakes a Loop up at a time. It is a timer of the kernel in the loop's
// epoll set, because a timer of Go costs more than the probes that it is for:
// with each one that ends, the monitor of Go's scheduler wakes up as well, and
// looks around many times before it sleeps again.
type clock struct {
	fd  int
	set time.Time // zero = it has run down
}

// clockSlot stands for the clock where slots of probes are.
const clockSlot = -1

func newClock(epoll int) (clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return clock{}, fmt.Errorf("make timer: %w", err)
	}
	// Edge-triggered: it need not be read.
	err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: clockSlot})
	if err != nil {
		rawClose(fd)
		return clock{}, fmt.Errorf("watch timer: %w", err)
	}
	return clock{fd: fd}, nil
}

// within makes the clock run down at t, unless it does before.
func (c *clock) within(t time.Time) {
	if !c.set.IsZero() && !t.Before(c.set) {
		return
	}
	c.set = t
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(time.Until(t)), 1))} // 0 would stop it
	_, _, _ = unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(c.fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}

// ranDown notes that it has.
func (c *clock) ranDown() { c.set = time.Time{} }

func (c *clock) close() { rawClose(c.fd) }
