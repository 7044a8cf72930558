package daemon

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Guard waits for the end of the daemon with the given process id and then
// carries out its last will, unless it stopped cleanly or another one has
// started. It is for hosts without a service manager that would run `vipd
// release`. Signals to a terminal's or service's group do not end it.
func Guard(ctx context.Context, opt Options, pid int) error {
	ignoreSignals()
	f, err := flock(filepath.Join(opt.RuntimeDir, instanceLock), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer f.Close()
	if readHolder(opt.RuntimeDir) != strconv.Itoa(pid) {
		return nil
	}
	return releaseAfterRoles(ctx, opt, f)
}

// startGuard starts a guard that is no child of this process, in a session of
// its own, so that what kills the daemon's process tree leaves it alone.
func startGuard(opt Options) error {
	cmd := exec.Command(ownBinary, "guard", "--detach", "--runtime-dir", opt.RuntimeDir, strconv.Itoa(os.Getpid()))
	cmd.Stderr = outliving(opt.Log)
	return cmd.Run()
}

// outliving is where a process logs that may outlive this one: a file. Anything
// else would be a pipe through this process, whose end os/exec waits for.
func outliving(log io.Writer) io.Writer {
	if f, is := log.(*os.File); is {
		return f
	}
	return os.Stderr
}

// DetachGuard starts the guard as an orphan and returns.
func DetachGuard(opt Options, pid int) error {
	cmd := exec.Command(ownBinary, "guard", "--runtime-dir", opt.RuntimeDir, strconv.Itoa(pid))
	cmd.Stderr = opt.Log
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

// guarded reports whether somebody else runs `vipd release` after a crash, or
// nobody can: the service manager, or the end of a container with its first
// process.
func guarded() bool {
	return os.Getenv("NOTIFY_SOCKET") != "" || os.Getpid() == 1
}
