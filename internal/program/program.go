// Package program runs the programs that a configuration names: each in a
// process group of its own, with a bounded time, bounded output and nothing
// left behind.
package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/spawn"
)

// Command says what to run.
type Command struct {
	Args    []string      // program and arguments, no shell
	Timeout time.Duration // when the process group gets TERM
	User    string        // "user" or "user:group"; "" = that of this process
	Env     []string      // beyond the PATH
}

// Result is what came of a run.
type Result struct {
	// Err is nil when the program ended with status 0 in time.
	Err      error
	TimedOut bool
	// Output is the end of what the program wrote, both streams.
	Output   string
	Duration time.Duration
}

const (
	// termGrace is how long a program may take to end after TERM.
	termGrace = 2 * time.Second
	// pipeGrace is how much longer output is waited for when a child that left
	// the process group still holds the pipe.
	pipeGrace = 200 * time.Millisecond
	// searchPath is the PATH that programs get.
	searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// ErrTimeout is part of the error of a run that took too long.
var ErrTimeout = errors.New("took too long")

// Run runs the command and returns when it has ended, at the latest a little
// more than two seconds after its timeout or the end of ctx.
func Run(ctx context.Context, c Command) Result {
	start := time.Now()
	r := run(ctx, c)
	r.Duration = time.Since(start)
	return r
}

func run(ctx context.Context, c Command) Result {
	if len(c.Args) == 0 {
		return Result{Err: errors.New("run program: no program is given")}
	}
	if err := conf.CheckProgram(c.Args[0]); err != nil {
		return Result{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	attr, err := spawn.Attributes(c.User)
	if err != nil {
		return Result{Err: err}
	}
	cmd.SysProcAttr = attr
	cmd.Dir = "/"
	cmd.Env = append(spawn.Environment(), c.Env...)
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = termGrace + pipeGrace
	var g group
	cmd.Cancel = func() error { return g.end(cmd.Process.Pid) }
	if err := cmd.Start(); err != nil {
		return Result{Err: fmt.Errorf("start program: %w", err)}
	}
	err = g.wait(cmd)
	r := Result{Err: err, Output: out.String(), TimedOut: ctx.Err() == context.DeadlineExceeded}
	if r.TimedOut {
		r.Err = fmt.Errorf("%w: more than %s", ErrTimeout, c.Timeout)
	}
	return r
}

// wait waits for the program and ends what it left in its process group, so
// that a child that keeps the output open does not prolong the run. All of that
// happens before the program's own status is taken: until then its process
// group cannot become somebody else's.
func (g *group) wait(cmd *exec.Cmd) error {
	awaitExit(cmd.Process.Pid)
	g.mu.Lock()
	g.over = true
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	g.mu.Unlock()
	err := cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

// group is the process group of a program that runs.
type group struct {
	mu   sync.Mutex
	over bool
}

// end asks the whole group to end, and forces it to a little later.
func (g *group) end(pid int) error {
	time.AfterFunc(termGrace, func() { _ = g.signal(pid, syscall.SIGKILL) })
	return g.signal(pid, syscall.SIGTERM)
}

func (g *group) signal(pid int, sig syscall.Signal) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return nil
	}
	return syscall.Kill(-pid, sig)
}
