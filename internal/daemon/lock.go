package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Lock files in the runtime directory. The kernel drops a lock with its
// process, so no stale file can block a start.
const (
	instanceLock = "vipd.pid"    // of the supervisor; holds its process id, empty after a clean stop
	routerLock   = "router.lock" // of the process that owns the addresses
)

// willMark, in the instance lock's file, stands before the process id of one
// that carries out the last will of a daemon that died.
const willMark = "will "

// errLocked is wrapped by the error of a lock that another process holds.
var errLocked = errors.New("in use")

// lockInstance makes sure that one daemon alone uses a runtime directory. It
// waits for the last will of an earlier one. A process id that could not be
// written, on a full disk, is told and does not matter to the lock.
func lockInstance(runtimeDir string) (lock *os.File, pidErr, err error) {
	for deadline := time.Now().Add(willBound); ; time.Sleep(lockRetry) {
		f, err := tryLock(filepath.Join(runtimeDir, instanceLock))
		if err == nil {
			return f, writePID(f, ""), nil
		}
		if !errors.Is(err, errLocked) {
			return nil, nil, err
		}
		holder := readHolder(runtimeDir)
		if !passing(holder) || time.Now().After(deadline) {
			return nil, nil, fmt.Errorf("another vipd (pid %s) uses %s; give this one its own --runtime-dir", strings.TrimPrefix(holder, willMark), runtimeDir)
		}
	}
}

// unlockInstance marks a clean stop: there is no last will to carry out.
func unlockInstance(f *os.File) {
	f.Truncate(0)
	f.Close()
}

// passing reports whether the lock's holder carries out a last will, or is
// about to, its file names a process that is gone, or finds that there is none
// to carry out: the guard of one that stopped cleanly has the lock for a moment.
func passing(holder string) bool {
	if holder == "" || strings.HasPrefix(holder, willMark) {
		return true
	}
	pid, err := strconv.Atoi(holder)
	return err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// lockRetry is how often a lock is tried again that a last will holds.
const lockRetry = 20 * time.Millisecond

// lockFile takes a lock of the runtime directory. Its error wraps errLocked
// when another process has it.
func lockFile(runtimeDir, name string) (unlock func(), err error) {
	f, err := tryLock(filepath.Join(runtimeDir, name))
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}

// awaitLock is lockFile that waits until the context ends.
func awaitLock(ctx context.Context, runtimeDir, name string) (unlock func(), err error) {
	for {
		unlock, err = lockFile(runtimeDir, name)
		if !errors.Is(err, errLocked) {
			return unlock, err
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func tryLock(path string) (*os.File, error) {
	return flock(path, unix.LOCK_EX|unix.LOCK_NB)
}

// flock opens and locks a file.
func flock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), how)
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errLocked
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// readHolder returns what stands in the instance lock's file: a process id,
// after willMark in a last will, or nothing after a clean stop.
func readHolder(runtimeDir string) string {
	b, err := os.ReadFile(filepath.Join(runtimeDir, instanceLock))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func writePID(f *os.File, mark string) error {
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("write pid: %w", err)
	}
	if _, err := f.WriteAt([]byte(mark+strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write pid: %w", err)
	}
	return nil
}
