package spawn

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// programs has the umask of programs, nil for that of this process.
var programs atomic.Pointer[uint32]

// SetUmask gives programs that are started from now on a umask of their own. That
// of this process stays.
func SetUmask(mask uint32) { programs.Store(&mask) }

// Start is cmd.Start with the umask of programs.
func Start(cmd *exec.Cmd) error {
	mask := programs.Load()
	if mask == nil {
		return cmd.Start()
	}
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread, which has a umask of its own, ends with the
		// goroutine, and nothing else ever runs on it.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_FS)
		if err != nil {
			done <- fmt.Errorf("set umask of program: %w", err)
			return
		}
		unix.Umask(int(*mask))
		done <- cmd.Start()
	}()
	return <-done
}
