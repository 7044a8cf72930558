package lab

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one line of the kernel's process table.
type process struct {
	pid, parent int
	state       string // R, S, D, T, Z, …
	start       uint64 // clock ticks after boot: tells a reused pid
}

// readProcess reads /proc/PID/stat (proc(5)).
func readProcess(pid int) (process, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, fmt.Errorf("read process %d: %w", pid, err)
	}
	// The command name may hold anything; the fields follow its last ")".
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const state, parent, start = 0, 1, 19
	if len(fields) <= start {
		return process{}, fmt.Errorf("read process %d: %d fields", pid, len(fields))
	}
	p := process{pid: pid, state: fields[state]}
	if p.parent, err = strconv.Atoi(fields[parent]); err != nil {
		return process{}, fmt.Errorf("read parent of process %d: %w", pid, err)
	}
	if p.start, err = strconv.ParseUint(fields[start], 10, 64); err != nil {
		return process{}, fmt.Errorf("read start of process %d: %w", pid, err)
	}
	return p, nil
}

// Runs reports whether a process lives and is not stopped.
func Runs(pid int) bool {
	p, err := readProcess(pid)
	return err == nil && !slices.Contains([]string{"Z", "X", "T", "t"}, p.state)
}

// processes reads the whole table, without those that end meanwhile.
func processes() []process {
	entries, _ := os.ReadDir("/proc")
	var out []process
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if p, err := readProcess(pid); err == nil {
				out = append(out, p)
			}
		}
	}
	return out
}

// descendants returns the living descendants of root in table, children
// before their parents, without root.
func descendants(table []process, root int) []int {
	var out []int
	for _, p := range table {
		if p.parent == root && p.pid != root && p.state != "Z" {
			out = append(append(out, descendants(table, p.pid)...), p.pid)
		}
	}
	return out
}

// markedProcesses returns the living processes that were started with the
// mark, or below it, in their environment: orphans too.
func markedProcesses(mark string) []int {
	var out []int
	for _, p := range processes() {
		if p.pid == os.Getpid() || p.state == "Z" {
			continue
		}
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
		if err != nil {
			continue
		}
		for _, v := range strings.Split(string(env), "\x00") {
			if v == markEnv+"="+mark || strings.HasPrefix(v, markEnv+"="+mark+"/") {
				out = append(out, p.pid)
			}
		}
	}
	return out
}

// kill signals one process. One that has ended meanwhile is what was wanted.
func kill(pid int, sig syscall.Signal) {
	if pid > 1 {
		_ = syscall.Kill(pid, sig)
	}
}

// ProcessorTime is what a process took of processors so far, by the kernel's
// count in hundredths of a second (proc(5), stat).
func ProcessorTime(tb TB, pid int) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatalf("read processor time: %v", err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // a name may hold anything else
	fields := strings.Fields(rest)
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		tb.Fatalf("read processor time: %v", err)
	}
	return time.Duration(user+system) * (time.Second / 100)
}
