package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	dirPrefix = "vipd-lab-"
	// markEnv is in the environment of everything a lab starts.
	markEnv = "VIPD_LAB"
)

var (
	sweepOnce sync.Once
	dirCount  atomic.Int64
)

// makeDir makes a directory below parent whose name tells which process it
// belongs to: prefix, process id, start time of the process, number.
func makeDir(parent, prefix string) (string, error) {
	self, err := readProcess(os.Getpid())
	if err != nil {
		return "", err
	}
	dir := filepath.Join(parent, fmt.Sprintf("%s%d-%d-%d", prefix, self.pid, self.start, dirCount.Add(1)))
	return dir, os.Mkdir(dir, 0o755)
}

// sweep removes what dead processes left of labs and guests. Process ids mean
// nothing across the border of a guest: it has a temporary directory of its own.
func sweep() {
	sweepDirs(os.TempDir(), dirPrefix)
	sweepDirs(os.TempDir(), guestPrefix)
}

// sweepDirs removes directories below parent that makeDir made for a process
// that is dead, and what carries their name in its environment.
func sweepDirs(parent, prefix string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, dir := range dirs {
		var pid int
		var start, n uint64
		name := filepath.Base(dir)
		if _, err := fmt.Sscanf(strings.TrimPrefix(name, prefix), "%d-%d-%d", &pid, &start, &n); err != nil {
			continue
		}
		if owner, err := readProcess(pid); err == nil && owner.start == start {
			continue
		}
		for _, pid := range markedProcesses(name) {
			kill(pid, syscall.SIGKILL)
		}
		os.RemoveAll(dir)
	}
}
