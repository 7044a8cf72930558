package daemon

import (
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// corePattern is how the kernel names core dumps (core(5)).
const corePattern = "/proc/sys/kernel/core_pattern"

// DumpCores makes this process and its roles dump core when they crash. With a
// pattern the kernel names dumps by it, those of every program, until restore.
func DumpCores(pattern string) (restore func(), err error) {
	restore = func() {}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}); err != nil {
		return restore, fmt.Errorf("allow core dumps: %w", err)
	}
	debug.SetTraceback("crash")
	if err := os.Setenv("GOTRACEBACK", "crash"); err != nil { // for the roles
		return restore, fmt.Errorf("allow core dumps: %w", err)
	}
	if pattern == "" {
		return restore, nil
	}
	was, err := os.ReadFile(corePattern)
	if err == nil {
		err = os.WriteFile(corePattern, []byte(pattern), 0)
	}
	if err != nil {
		return restore, fmt.Errorf("set core pattern: %w", err)
	}
	return func() { _ = os.WriteFile(corePattern, was, 0) }, nil // it could be written before
}
