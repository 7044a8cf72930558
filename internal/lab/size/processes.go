package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stat is what /proc/PID/stat says of a process.
type stat struct {
	pid int
	cpu time.Duration // with its dead children
	rss int64
}

// ticks per second of /proc (sysconf(_SC_CLK_TCK)).
const ticks = 100

// stats are the processes of the daemon, which has a session of its own.
func (m *measurement) stats() []stat {
	if m.cmd == nil {
		return nil
	}
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	var out []stat
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		i := bytes.LastIndexByte(b, ')')
		f := strings.Fields(string(b[i+1:]))
		number := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
		if len(f) < 22 || int(number(3)) != m.cmd.Process.Pid {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		used := number(11) + number(12) + number(13) + number(14)
		out = append(out, stat{pid, time.Duration(used) * time.Second / ticks, number(21) * int64(os.Getpagesize())})
	}
	return out
}

func (m *measurement) session() []int {
	var out []int
	for _, p := range m.stats() {
		out = append(out, p.pid)
	}
	return out
}

func (m *measurement) cpu() (sum time.Duration) {
	for _, p := range m.stats() {
		sum += p.cpu
	}
	return sum
}

func (m *measurement) rss() (sum int64) {
	for _, p := range m.stats() {
		sum += p.rss
	}
	return sum
}
