package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/spawn"
)

// RoleStart says how a role process begins.
type RoleStart struct {
	// Successor goes on where another process stands that reaches it on
	// descriptor 4.
	Successor bool
	// RealTime is the priority that the role has until it is configured, 0 for
	// none: on a busy machine it would else begin with waiting.
	RealTime int
	// ProgramUmask is that of programs, negative for that of the role.
	ProgramUmask int
}

// RunRole is the main of a role process, started by the supervisor as
// `vipd role NAME`. It returns when its link ends.
func RunRole(ctx context.Context, name string, start RoleStart, opt Options) error {
	ignoreSignals()
	link, err := inheritedLink()
	if err != nil {
		return err
	}
	if start.ProgramUmask >= 0 {
		spawn.SetUmask(uint32(start.ProgramUmask))
	}
	if name == roleRouter {
		opt.unprotected = protectRouter()
	}
	if name == roleChecker {
		beFrugal(checkerGC)
	}
	var conn io.ReadWriteCloser = link
	run := succeedRole
	if !start.Successor {
		run = runRole
		if conn, err = begun(link); err != nil {
			return err
		}
	}
	if conn == nil {
		return nil
	}
	if start.RealTime > 0 {
		_ = setRealTime(start.RealTime) // its configuration tells if it may not
	}
	showName(name)
	if err := run(ctx, name, conn, opt); err != nil {
		return fmt.Errorf("role %s: %w", name, err)
	}
	return nil
}

// begun returns the link of a role once the supervisor has said something: until
// then the process is a spare. It returns nil for one that was not needed.
func begun(link net.Conn) (io.ReadWriteCloser, error) {
	showName(spareName)
	r := bufio.NewReader(link)
	_, err := r.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, link.Close()
	case err != nil:
		return nil, fmt.Errorf("wait for the supervisor: %w", err)
	}
	return struct {
		io.Reader
		io.WriteCloser
	}{r, link}, nil
}

// spareName is shown of a process that is no role yet.
const spareName = "spare"

// showName makes top and the service manager show the role and not the name of
// the file that was executed, which is "exe" (proc(5), /proc/pid/comm: at most
// 15 bytes). Nothing depends on it.
func showName(role string) {
	_ = os.WriteFile("/proc/self/comm", []byte("vipd-"+role), 0)
}

// succeedRole is runRole for a successor.
func succeedRole(ctx context.Context, name string, conn io.ReadWriteCloser, opt Options) error {
	listener := os.NewFile(successorFD, "successor socket")
	if name == roleRouter {
		return succeedRouter(ctx, conn, opt, listener)
	}
	return succeedChecker(ctx, conn, opt, listener)
}

// How much the memory of the checker role and of the supervisor may grow, in
// percent of what is in use, before garbage is collected: they make little of
// it, and what they keep of thousands of checks should not be doubled.
const (
	checkerGC    = 25
	supervisorGC = 50
)

// beFrugal sets that, unless the environment does.
func beFrugal(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// oomScore spares the router role, but not before the kernel's own helpers.
const oomScore = "-900"

// protectRouter asks the kernel to spare the router role when memory runs out
// and to keep its pages in memory once touched: a swapped-out master is late.
func protectRouter() error {
	errOOM := os.WriteFile("/proc/self/oom_score_adj", []byte(oomScore), 0o644)
	// ONFAULT: locking everything at once would take ten times the memory.
	errLock := os.NewSyscallError("mlockall", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT))
	return errors.Join(errOOM, errLock)
}
