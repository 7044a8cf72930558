package daemon

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notices carries what the service manager is told, in order. A manager that
// does not read must not hold up a reload or a stop, so that nobody waits for
// it: what does not fit is dropped.
var notices = sync.OnceValue(func() chan string {
	ch := make(chan string, 64)
	go func() {
		for state := range ch {
			_, _ = daemon.SdNotify(false, state) // outside of systemd nobody listens
		}
	}()
	return ch
})

// notifySystemd tells the service manager a state, if there is one.
func notifySystemd(state string) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	select {
	case notices() <- state:
	default:
	}
}

// notifyReloading carries the monotonic time that systemd asks for.
func notifyReloading() {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return
	}
	notifySystemd(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, ts.Nano()/1000))
}

// watchdogTicks returns a channel that ticks twice per watchdog period, or
// nil when the service manager does not want a watchdog.
func watchdogTicks() <-chan time.Time {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil || period <= 0 {
		return nil
	}
	return time.Tick(period / 2)
}

// watchdogBound is how long the router may take to answer before we let the
// watchdog run out.
const watchdogBound = 2 * time.Second

// feedWatchdog tells the service manager that we live, if the router role
// answers. A checker that hangs is no reason to give up the addresses.
func (s *supervisor) feedWatchdog() {
	ctx, cancel := context.WithTimeout(context.Background(), watchdogBound)
	defer cancel()
	if err := s.router.call(ctx, callPing, nil, nil); err != nil {
		s.warn("watchdog", "router does not answer: "+err.Error(), nil)
		return
	}
	notifySystemd(daemon.SdNotifyWatchdog)
}
