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

// Fields of /proc/PID/stat (proc(5)) after the command name.
const (
	statState  = 0
	statParent = 1
	statUser   = 11 // processor time, in ticks
	statSystem = 12
	statStart  = 19
)

// stat reads the fields of /proc/PID/stat after the command name, which may
// hold anything: they follow its last ")".
func stat(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, fmt.Errorf("read process %d: %w", pid, err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) <= statStart {
		return nil, fmt.Errorf("read process %d: %d fields", pid, len(fields))
	}
	return fields, nil
}

func readProcess(pid int) (process, error) {
	fields, err := stat(pid)
	if err != nil {
		return process{}, err
	}
	p := process{pid: pid, state: fields[statState]}
	if p.parent, err = strconv.Atoi(fields[statParent]); err != nil {
		return process{}, fmt.Errorf("read parent of process %d: %w", pid, err)
	}
	if p.start, err = strconv.ParseUint(fields[statStart], 10, 64); err != nil {
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
	fields, err := stat(pid)
	if err != nil {
		tb.Fatalf("read processor time: %v", err)
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[statUser]+" "+fields[statSystem], &user, &system); err != nil {
		tb.Fatalf("read processor time: %v", err)
	}
	return time.Duration(user+system) * (time.Second / 100)
}
