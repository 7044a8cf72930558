package main

import (
	"encoding/json"
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
	kind     string // tcp, http or none
	servers  int
	interval time.Duration
}

// window is how long a daemon is measured.
func (l load) window() time.Duration { return max(window, 2*l.interval) }

// Kinds of loads besides tcp. Without checks it is measured how late adverts are
// then.
const (
	httpChecks = "http"
	noChecks   = "none"
)

// String writes what parseLoads reads.
func (l load) String() string { return fmt.Sprintf("%s:%d:%s", l.kind, l.servers, l.interval) }

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

// settle is how long a daemon has, besides two intervals, to spread its checks
// and to tell their first results, window how long it is measured at least.
const (
	settle = 10 * time.Second
	window = 20 * time.Second
)

// figures are what one daemon needs under one load.
type figures struct {
	Checks   int           // in the window
	CPU      time.Duration // of the checking process in the window
	Host     time.Duration // of the guest as a whole, by its host's clock; set outside
	Checker  int           // its memory, KiB resident
	All      int           // of all processes of the daemon, shared pages in part to each
	Pause    time.Duration // longest between two checks of one target
	Death    time.Duration // until weight 0
	Recovery time.Duration // until the weight is back
	Late     time.Duration // mean lateness of adverts in the window; negative = unknown
	Status   time.Duration // how long a status of everything took under the load
}

// measureInside measures one cell inside the guest and prints its figures.
func measureInside(name, vipd, wanted string) error {
	loads, err := parseLoads(wanted)
	if err != nil {
		return err
	}
	lines := []string{
		"ip link set lo up", "ip route add local 10.9.0.0/16 dev lo",
		"ip link add bench0 type dummy", "ip addr add 192.0.2.1/24 dev bench0", "ip link set bench0 up",
	}
	for _, line := range lines {
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w %s", line, err, out)
		}
	}
	daemons := map[string]daemon{"keepalived": keepalived{}, "vipd": ours{vipd}}
	d := daemons[name]
	if d == nil {
		return fmt.Errorf("unknown daemon %q", name)
	}
	f, err := measure(loads[0], d)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
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
	time.Sleep(settle + 2*l.interval)
	pid, err := d.checker(cmd.Process.Pid)
	if err != nil {
		return figures{}, err
	}
	var f figures
	late := d.adverts(dir) // which costs the daemon something, so outside of the window
	cpu, count := processorTime(pid), targets.reset()
	fmt.Println(windowBegins)
	time.Sleep(l.window())
	fmt.Println(windowEnds)
	f.CPU = processorTime(pid) - cpu
	f.Checks, f.Pause = targets.count()-count, targets.pause()
	f.Checker, f.All = resident(pid), proportional(cmd.Process.Pid)
	for _, p := range children(cmd.Process.Pid) {
		f.All += proportional(p)
	}
	asked := time.Now()
	f.Late = d.adverts(dir).since(late)
	f.Status = time.Since(asked)
	if l.kind == noChecks {
		return f, nil
	}
	if f.Checks == 0 {
		return f, fmt.Errorf("no checks arrived")
	}
	f.Death = await(func() { targets.special(false) }, false)
	f.Recovery = await(func() { targets.special(true) }, true)
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

// resident is the memory of a process, KiB.
func resident(pid int) int { return memoryLine(pid, "status", "VmRSS:") }

// proportional counts pages that several processes share for a part to each;
// where the kernel does not say so, it is what is resident.
func proportional(pid int) int {
	if kib := memoryLine(pid, "smaps_rollup", "Pss:"); kib > 0 {
		return kib
	}
	return resident(pid)
}

func memoryLine(pid int, file, name string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib
		}
	}
	return 0
}

// child returns the child of a process whose command line contains text.
func child(parent int, text string) (int, error) {
	for _, pid := range children(parent) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(strings.ReplaceAll(string(line), "\x00", " "), text) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no child of %d with %q", parent, text)
}

func children(parent int) (all []int) {
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
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(e))); err == nil {
			all = append(all, pid)
		}
	}
	return all
}
