package spawn

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Group is the process group of one program that runs, which it has by
// Attributes. The zero value is ready to use.
type Group struct {
	mu   sync.Mutex
	over bool // its number may soon be somebody else's
}

// End asks the whole group to end, and forces it to a grace later. It is for
// exec.Cmd.Cancel.
func (g *Group) End(pid int, grace time.Duration) error {
	time.AfterFunc(grace, func() { _ = g.signal(pid, syscall.SIGKILL) })
	return g.signal(pid, syscall.SIGTERM)
}

// Wait waits for the program and ends what it left in its group, so that a child
// that keeps the output open does not prolong the run. All of that happens
// before the program's own status is taken: until then its process group cannot
// become somebody else's. Output that was not read to its end is no error.
func (g *Group) Wait(cmd *exec.Cmd) error {
	awaitExit(cmd.Process.Pid)
	g.mu.Lock()
	g.over = true
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // ESRCH is the usual answer
	g.mu.Unlock()
	err := cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

func (g *Group) signal(pid int, sig syscall.Signal) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return os.ErrProcessDone // which is no failure of the program: it was in time
	}
	return syscall.Kill(-pid, sig)
}
