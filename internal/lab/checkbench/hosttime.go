package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The clock of the guest's scheduler ticks a hundred times a second: what wakes
// up with a tick and sleeps again before the next seems to cost nothing. Its
// host knows better what the guest as a whole used. With the same real servers
// checked as often, the difference is that of the daemons.
const (
	windowBegins = "window begins"
	windowEnds   = "window ends"
)

// hostTimer takes what the inside prints, and the processor time of the guest at
// both ends of the window.
type hostTimer struct {
	text  bytes.Buffer
	line  []byte
	begin time.Duration
	used  time.Duration // in the window
}

// Write implements io.Writer.
func (h *hostTimer) Write(p []byte) (int, error) {
	h.text.Write(p)
	h.line = append(h.line, p...)
	for {
		line, rest, whole := bytes.Cut(h.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		switch strings.TrimSpace(string(line)) {
		case windowBegins:
			h.begin = descendantsTime(os.Getpid())
		case windowEnds:
			h.used = descendantsTime(os.Getpid()) - h.begin
		}
		h.line = rest
	}
}

// descendantsTime is the processor time of all processes below one. Those of a
// guest are one for its kernel and one for each address space in it.
func descendantsTime(root int) (sum time.Duration) {
	parents, times := map[int]int{}, map[int]time.Duration{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, s := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(s)))
		text, err := os.ReadFile(s)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 1 {
			parents[pid], _ = strconv.Atoi(f[1])
			times[pid] = processorTime(pid)
		}
	}
	for pid, t := range times {
		for up := parents[pid]; up > 1; up = parents[up] {
			if up == root {
				sum += t
				break
			}
		}
	}
	return sum
}

// each is the processor time of one of n checks.
func each(t time.Duration, n int) time.Duration { return t / time.Duration(max(n, 1)) }

// perCheck describes processor time of n checks.
func perCheck(t time.Duration, n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%d µs", each(t, n).Microseconds())
}
