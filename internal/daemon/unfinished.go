package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/vipd/vipd/vrrp/kernel"
	"github.com/vipd/vipd/vrrp/runner"
)

// leavingFile, in the runtime directory, is there from the beginning of a stop
// until nothing that the router role put up is left: a last will that finds it
// finishes the stop.
const leavingFile = "leaving"

func beginLeaving(runtimeDir string) error {
	if err := os.WriteFile(filepath.Join(runtimeDir, leavingFile), nil, 0o644); err != nil {
		return fmt.Errorf("note the stop: %w", err)
	}
	return nil
}

// endLeaving notes that a stop is done, or that a new start decides.
func endLeaving(runtimeDir string) error {
	err := os.Remove(filepath.Join(runtimeDir, leavingFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note the end of the stop: %w", err)
	}
	return nil
}

// isUnfinished reports whether a stop has begun and not been done.
func isUnfinished(runtimeDir string) bool {
	_, err := os.Stat(filepath.Join(runtimeDir, leavingFile))
	return err == nil
}

// endInstance gives up the lock of the instance. After a clean stop there is no last
// will to carry out.
func endInstance(lock *os.File, runtimeDir string) {
	if isUnfinished(runtimeDir) {
		lock.Close()
		return
	}
	unlockInstance(lock)
}

// stopRouter has the router role leave. What it could not remove, and what one
// leaves behind that has died or hangs, is removed without it; the error names
// what is left all the same.
func (s *supervisor) stopRouter(how routerStop) error {
	if how.Keep {
		if err := s.router.stop(how); !errors.Is(err, errNotRunning) {
			return err
		}
		return nil
	}
	if err := beginLeaving(s.opt.RuntimeDir); err != nil {
		s.warn("daemon", err.Error(), nil)
	}
	switch err := s.router.stop(how); {
	case errors.Is(err, errNotRunning):
		if s.router.beforePause != nil {
			s.router.beforePause(forever) // unless the last will was carried out already
		}
	case err != nil:
		s.warn("role", err.Error(), nil)
	}
	if err := s.removeLeft(); err != nil {
		return err
	}
	return endLeaving(s.opt.RuntimeDir)
}

// removeLeft removes what stands in the records of the router role.
func (s *supervisor) removeLeft() error {
	left, err := kernel.ReadRecorded(s.opt.RuntimeDir)
	if err != nil || left.Empty() {
		return err
	}
	s.warn("role", "the router role has left "+left.String()+"; trying again", nil)
	bound := s.addressBound()
	if err := s.finish(bound); err != nil {
		if now, errNow := kernel.ReadRecorded(s.opt.RuntimeDir); errNow == nil {
			left = now
		}
		return fmt.Errorf("%s may be left: %w", left, err)
	}
	s.info("role", "what the router role had left is removed", nil)
	return nil
}

// addressBound is how long the removal of all addresses may take.
func (s *supervisor) addressBound() time.Duration {
	c := s.config()
	addresses := len(c.Static.Held())
	for i := range c.Routers {
		addresses += len(c.Routers[i].Addresses) + len(c.Routers[i].Excluded)
	}
	return removalPatience + time.Duration(addresses)*runner.RemovalBound
}

// errNoAnswer tells that a process does not end, which a kernel that is busy with
// networks can bring about.
var errNoAnswer = errors.New("the kernel does not answer")

// finishApart is Finish in a process of its own: what held the router role up may
// hold that up as well. It is left alone when it takes too long, and goes on once
// the kernel lets it.
func finishApart(opt Options) func(time.Duration) error {
	return func(bound time.Duration) error {
		cmd := exec.Command(ownBinary, "release", "--runtime-dir", opt.RuntimeDir, "--left-by-stop", bound.String())
		cmd.Stdout, cmd.Stderr = outliving(opt.Log), outliving(opt.Log)
		if err := cmd.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			return err
		case <-time.After(bound + stopBound):
			return errNoAnswer
		}
	}
}

// Finish removes what a router role has left at a stop, within the bound. It waits
// for that role to end.
func Finish(ctx context.Context, opt Options, bound time.Duration) error {
	ignoreSignals()
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	unlock, err := awaitLock(ctx, opt.RuntimeDir, routerLock)
	if err != nil {
		return err
	}
	defer unlock()
	t, err := loadKnownRouters(opt.RuntimeDir)
	if err != nil {
		return err
	}
	if t.Namespace != networkNamespace() {
		return errElsewhere
	}
	until, _ := ctx.Deadline()
	log := logObserver{newLogger(opt.Log, "info", "text")}
	if err := kernel.RemoveLeft(opt.RuntimeDir, time.Until(until), log.Address); err != nil {
		return err
	}
	return endLeaving(opt.RuntimeDir)
}
