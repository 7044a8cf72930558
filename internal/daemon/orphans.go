package daemon

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// orphansEvery is how often the first process of a container looks for
	// dead processes that nobody waits for. It is far longer than the daemon
	// takes to wait for a child of its own.
	orphansEvery = time.Second
	// orphansOfBinary is how many times a binary looks for the children of the
	// one before it.
	orphansOfBinary = 5
)

// reapOrphans waits for dead processes for which nobody else does: those that a
// container's first process gets from all others, and the programs that the
// binary before this one had started.
func (s *supervisor) reapOrphans(ctx context.Context) {
	first := os.Getpid() == 1
	if !first && s.inherited == nil {
		return
	}
	tick := time.NewTicker(orphansEvery)
	defer tick.Stop()
	var seen map[int]bool
	for n := 0; first || n < orphansOfBinary; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			seen = reap(seen)
		}
	}
}

// reap waits for the dead children that were dead a look ago already, and
// returns the others.
func reap(before map[int]bool) map[int]bool {
	dead := make(map[int]bool)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return dead // without /proc nothing of ours works
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || !deadChild(pid) {
			continue
		}
		if before[pid] {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // nobody asks how it ended
			continue
		}
		dead[pid] = true
	}
	return dead
}

// deadChild tells whether a process is a zombie of this one (proc(5), stat).
func deadChild(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// The name before may hold anything.
	var state string
	var parent int
	_, err = fmt.Sscan(string(b[bytes.LastIndexByte(b, ')')+1:]), &state, &parent)
	return err == nil && state == "Z" && parent == os.Getpid()
}
