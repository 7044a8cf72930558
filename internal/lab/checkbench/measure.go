package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// load is one row of the table.
type load struct {
	kind     string // tcp or http
	servers  int
	interval time.Duration
}

// parseLoads reads "tcp:100:1s,http:2000:5s".
func parseLoads(text string) ([]load, error) {
	var all []load
	for word := range strings.SplitSeq(text, ",") {
		f := strings.Split(word, ":")
		if len(f) != 3 {
			return nil, fmt.Errorf("load %q is not KIND:SERVERS:INTERVAL", word)
		}
		servers, err := strconv.Atoi(f[1])
		if err != nil {
			return nil, fmt.Errorf("load %q: %w", word, err)
		}
		interval, err := time.ParseDuration(f[2])
		if err != nil {
			return nil, fmt.Errorf("load %q: %w", word, err)
		}
		all = append(all, load{f[0], servers, interval})
	}
	return all, nil
}

// settle is how long a daemon has to spread its checks, window how long it is
// measured.
const (
	settle = 10 * time.Second
	window = 20 * time.Second
)

// figures are what one daemon needs under one load.
type figures struct {
	checks   int // in the window
	perCheck time.Duration
	memory   int // of the checking process, KiB resident
	death    time.Duration
	recovery time.Duration
}

// measureAll runs inside the guest.
func measureAll(vipd, wanted string) error {
	loads, err := parseLoads(wanted)
	if err != nil {
		return err
	}
	for _, line := range []string{"ip link set lo up", "ip route add local 10.9.0.0/16 dev lo"} {
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w %s", line, err, out)
		}
	}
	fmt.Println("| check | real servers | interval | daemon | checks/s | CPU per check | resident | death → weight 0 | back → weight |")
	fmt.Println("|---|--:|--:|---|--:|--:|--:|--:|--:|")
	for _, l := range loads {
		for _, d := range []daemon{keepalived{}, ours{vipd}} {
			f, err := measure(l, d)
			if err != nil {
				return fmt.Errorf("%s with %d %s checks: %w", d.name(), l.servers, l.kind, err)
			}
			fmt.Printf("| %s | %d | %s | %s | %.0f | %d µs | %.1f MB | %s | %s |\n", l.kind, l.servers, l.interval, d.name(),
				float64(f.checks)/window.Seconds(), f.perCheck.Microseconds(), float64(f.memory)/1024, short(f.death), short(f.recovery))
		}
	}
	return nil
}

func short(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

// measure runs one daemon under one load.
func measure(l load, d daemon) (figures, error) {
	targets, err := startTargets(l.kind)
	if err != nil {
		return figures{}, err
	}
	defer targets.stop()
	dir, err := os.MkdirTemp("", "checkbench-")
	if err != nil {
		return figures{}, err
	}
	defer os.RemoveAll(dir)
	cmd, err := d.start(dir, l)
	if err != nil {
		return figures{}, err
	}
	defer stop(cmd)
	time.Sleep(settle)
	pid, err := d.checker(cmd.Process.Pid)
	if err != nil {
		return figures{}, err
	}
	var f figures
	cpu, count := processorTime(pid), targets.count()
	time.Sleep(window)
	f.checks = targets.count() - count
	if f.checks == 0 {
		return f, fmt.Errorf("no checks arrived")
	}
	f.perCheck = (processorTime(pid) - cpu) / time.Duration(f.checks)
	f.memory = resident(pid)
	f.death = await(func() { targets.special(false) }, false)
	f.recovery = await(func() { targets.special(true) }, true)
	return f, nil
}

// await makes something happen and returns how long the table takes to show
// the special real server with (or without) a weight.
func await(happen func(), weight bool) time.Duration {
	happen()
	begin := time.Now()
	for time.Since(begin) < time.Minute {
		if specialHasWeight() == weight {
			return time.Since(begin)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Minute
}

// specialHex is 10.9.255.1:8000 as /proc/net/ip_vs writes it.
const specialHex = "0A09FF01:1F40"

func specialHasWeight() bool {
	table, err := os.ReadFile("/proc/net/ip_vs")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 3 && f[1] == specialHex {
			return f[3] != "0"
		}
	}
	return false
}

// processorTime returns what a process used, in user and system mode.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // clock ticks of 1/100 s
}

func resident(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib
		}
	}
	return 0
}

// child returns the descendant of a process whose command line contains text.
func child(parent int, text string) (int, error) {
	entries, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, e := range entries {
		stat, err := os.ReadFile(e)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) < 2 || f[1] != strconv.Itoa(parent) {
			continue
		}
		pid := filepath.Base(filepath.Dir(e))
		line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		if strings.Contains(strings.ReplaceAll(string(line), "\x00", " "), text) {
			return strconv.Atoi(pid)
		}
	}
	return 0, fmt.Errorf("no child of %d with %q", parent, text)
}
