package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notifySystemd tells the service manager a state. Outside of systemd it does
// nothing; a manager that cannot be reached is not our failure.
func notifySystemd(state string) { _, _ = daemon.SdNotify(false, state) }

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
