package daemon

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/link"
)

// stopSelf asks for a stop as a service manager does.
func (s *supervisor) stopSelf() {
	select {
	case s.signals.terminate <- syscall.SIGTERM:
	default: // one is under way
	}
}

// untilStop returns a context that also ends when a stop is asked for: for work
// that a stop must not wait for.
func (s *supervisor) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.stopAsked:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// leave stops the roles in the order that keeps service longest: addresses
// first, then the IPVS table. A second signal ends the hand-over.
func (s *supervisor) leave(signals *signalSet) error {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	// An upgrade gives up now; the processes that it has begun are roles then,
	// and stopped as such.
	s.upgrading.Lock()
	defer s.upgrading.Unlock()
	left := make(chan struct{})
	go func() {
		select {
		case <-left:
		case sig := <-signals.terminate:
			s.info("daemon", "leaving at once", map[string]any{"signal": sig.String()})
			// Its end is awaited below.
			_ = s.router.call(context.Background(), callStop, routerStop{Immediate: true}, nil)
		}
	}()
	g := s.config().Global
	errRouter := s.stopRouter(routerStop{Keep: g.KeepAll || s.opt.KeepAddresses})
	close(left)
	how := leaving(s.config())
	errChecker := s.stopChecker(how)
	s.alerts.leave(how)
	s.hooks.leave(s.config())
	if err := errors.Join(errRouter, errChecker); err != nil {
		s.warn("daemon", "stop: "+err.Error(), nil)
		return err
	}
	return nil
}

// stopChecker has the checker role leave the table. What one leaves behind that
// has died, or hangs, is removed without it.
func (s *supervisor) stopChecker(how checkerStop) error {
	err := s.checker.stop(how)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.warn("role", err.Error(), nil)
	case errors.Is(err, errNotRunning), errors.Is(err, link.ErrClosed):
	default:
		return err // that of the role itself, which we could do no better
	}
	if how.keepsAll() {
		return nil
	}
	return removeTable(s.opt.RuntimeDir, s.config(), how)
}

// handOverBound is the longest hand-over of the configuration, and what the
// removal of all addresses may take.
func (s *supervisor) handOverBound() time.Duration {
	var longest time.Duration
	for _, c := range s.config().Routers {
		longest = max(longest, c.LeaveBound())
	}
	return longest + s.addressBound() + s.patience()
}

// patience is how much longer than usual roles may take to leave.
func (s *supervisor) patience() time.Duration {
	return max(s.config().Global.StopTimeout-stopBound, 0)
}

// stopBoundOfAll is how long a stop may take: the roles one after the other, what
// the router role may leave, and the programs that it waits for.
func (s *supervisor) stopBoundOfAll() time.Duration {
	c := s.config()
	bound := s.router.leaveBound() + s.checker.leaveBound() + s.addressBound() + killBound + logBound + 2*stopBound
	if slices.ContainsFunc(c.Services, runsPrograms) {
		bound += c.Global.Scripts.Timeout
	}
	if len(c.Global.Shutdown.Command) > 0 {
		bound += c.Global.Shutdown.Timeout
	}
	return bound
}

// runsPrograms reports whether news about a virtual server or its real servers
// are told to programs.
func runsPrograms(s conf.Service) bool {
	return len(s.OnQuorumUp.Args)+len(s.OnQuorumDown.Args)+len(s.Servers) > 0 || s.Alert != nil
}
