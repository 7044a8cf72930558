// Package program runs the programs that a configuration names: each in a
// process group of its own, with a bounded time, bounded output and nothing
// left behind.
package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/spawn"
)

// Command says what to run.
type Command struct {
	Args    []string      // program and arguments, no shell
	Timeout time.Duration // when the process group gets TERM
	User    string        // "user" or "user:group"; "" = that of this process
	Env     []string      // beyond spawn.Environment
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
	var g spawn.Group
	cmd.Cancel = func() error { return g.End(cmd.Process.Pid, termGrace) }
	if err := spawn.Start(cmd); err != nil {
		return Result{Err: fmt.Errorf("start program: %w", err)}
	}
	err = g.Wait(cmd)
	r := Result{Err: err, Output: out.String(), TimedOut: err != nil && ctx.Err() == context.DeadlineExceeded}
	if r.TimedOut {
		r.Err = fmt.Errorf("%w: more than %s", ErrTimeout, c.Timeout)
	}
	return r
}
