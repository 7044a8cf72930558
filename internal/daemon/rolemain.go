package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// RunRole is the main of a role process, started by the supervisor as
// `vipd role NAME`. It returns when its link ends. A successor goes on where
// another process stands that reaches it on descriptor 4.
func RunRole(ctx context.Context, name string, successor bool, opt Options) error {
	ignoreSignals()
	showName(name)
	conn, err := inheritedLink()
	if err != nil {
		return err
	}
	if name == roleRouter {
		protectRouter(newLogger(opt.Log, "info", "text"))
	}
	if name == roleChecker && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(checkerGC)
	}
	run := runRole
	if successor {
		run = succeedRole
	}
	if err := run(ctx, name, conn, opt); err != nil {
		return fmt.Errorf("role %s: %w", name, err)
	}
	return nil
}

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

// checkerGC is how much the memory of the checker role may grow, in percent of
// what is in use, before garbage is collected: checks make little of it, and
// what thousands of them keep should not be doubled.
const checkerGC = 50

// oomScore spares the router role, but not before the kernel's own helpers.
const oomScore = "-900"

// protectRouter asks the kernel to spare the router role when memory runs out
// and to keep its pages in memory once touched: a swapped-out master is late.
// A container may forbid either; that is said and not fatal.
func protectRouter(log *slog.Logger) {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(oomScore), 0o644); err != nil {
		log.Warn("protect router from the OOM killer", "error", err)
	}
	// ONFAULT: locking everything at once would take ten times the memory.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		log.Warn("keep router in memory", "error", err)
	}
}
