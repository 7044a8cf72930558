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

// managerNotice is something that the service manager is told; sent is closed
// afterwards, if it is not nil.
type managerNotice struct {
	state string
	sent  chan struct{}
}

// notices carries what the service manager is told, in order. A manager that
// does not read must not hold up a reload or a stop, so that nobody waits for
// it: what does not fit is dropped.
var notices = sync.OnceValue(func() chan managerNotice {
	ch := make(chan managerNotice, 64)
	go func() {
		for n := range ch {
			if n.sent != nil {
				close(n.sent)
				continue
			}
			_, _ = daemon.SdNotify(false, n.state) // outside of systemd nobody listens
		}
	}()
	return ch
})

// noticesBound is how long an end may wait for a manager that does not read.
const noticesBound = time.Second

// settleNotices waits until the service manager was told all: at the end of a
// daemon, and before this process executes another binary, nobody else will.
func settleNotices() {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	bound := time.After(noticesBound)
	all := managerNotice{sent: make(chan struct{})}
	select {
	case notices() <- all:
	case <-bound:
		return
	}
	select {
	case <-all.sent:
	case <-bound:
	}
}

// notifySystemd tells the service manager a state, if there is one.
func notifySystemd(state string) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	select {
	case notices() <- managerNotice{state: state}:
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

// notifyStopping asks for the time that a stop may take, where that is more than
// the service manager gives by itself (EXTEND_TIMEOUT_USEC, sd_notify(3)).
func notifyStopping(bound time.Duration) {
	notifySystemd(fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, bound.Microseconds()))
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

// loosenWatchdog gives a binary that is executed the time to begin, and the one
// before it that to come back, before the watchdog barks (sd_notify(3)).
func loosenWatchdog() { setWatchdog(func(time.Duration) time.Duration { return 3 * takeOverBound }) }

// tightenWatchdog takes that back.
func tightenWatchdog() {
	setWatchdog(func(configured time.Duration) time.Duration { return configured })
}

// setWatchdog changes the period of the watchdog, if there is one.
func setWatchdog(period func(configured time.Duration) time.Duration) {
	if configured, err := daemon.SdWatchdogEnabled(false); err == nil && configured > 0 {
		notifySystemd(fmt.Sprintf("WATCHDOG_USEC=%d", period(configured).Microseconds()))
	}
}

// watchdogBound is how long the router may take to answer before we let the
// watchdog run out.
const watchdogBound = 2 * time.Second

// feedWatchdog tells the service manager that we live, if the router role
// answers. A checker that hangs is no reason to give up the addresses.
func (s *supervisor) feedWatchdog() {
	select {
	case <-s.configured:
	default:
		return // there is no router role to ask yet
	}
	ctx, cancel := context.WithTimeout(context.Background(), watchdogBound)
	defer cancel()
	if err := s.router.call(ctx, callPing, nil, nil); err != nil {
		s.warn("watchdog", "router does not answer: "+err.Error(), nil)
		return
	}
	notifySystemd(daemon.SdNotifyWatchdog)
}
