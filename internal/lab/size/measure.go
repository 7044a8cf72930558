package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// step is one measured thing.
type step struct {
	Name    string
	Elapsed time.Duration // until the daemon had done its work
	CPU     time.Duration // of all its processes
	RSS     int64         // bytes, of all its processes, afterwards
	Writes  int           // to the kernel; -1 = unknown
	Netlink int           // packets in both directions; -1 = unknown
}

// measurement is one daemon with one size of table.
type measurement struct {
	daemon          *daemon
	services, reals int

	cmd *exec.Cmd
	log *bytes.Buffer
}

// idle is how long a daemon must do nothing to have done its work.
const idle = 1500 * time.Millisecond

// wholeCell is how many steps run makes.
const wholeCell = 5

func (m *measurement) run(report func(step)) error {
	if err := m.write(1); err != nil {
		return err
	}
	if err := m.start(); err != nil {
		return err
	}
	report(m.measure("start from nothing", 0, m.complete))
	if err := syscall.Kill(m.cmd.Process.Pid, syscall.SIGHUP); err != nil {
		return err
	}
	before := m.cpu()
	report(m.measure("reload, nothing changed", before, nil))
	if err := m.write(7); err != nil {
		return err
	}
	before = m.cpu()
	if err := syscall.Kill(m.cmd.Process.Pid, syscall.SIGHUP); err != nil {
		return err
	}
	report(m.measure("reload, one weight changed", before, nil))
	m.kill()
	if err := m.start(); err != nil {
		return err
	}
	report(m.measure("start on the table of a killed daemon", 0, m.complete))
	before = m.cpu()
	began, packets := time.Now(), netlinkPackets()
	if err := syscall.Kill(m.cmd.Process.Pid, syscall.SIGTERM); err != nil {
		return err
	}
	if err := m.cmd.Wait(); err != nil {
		return err
	}
	s := step{Name: "stop", Elapsed: time.Since(began), Writes: -1, Netlink: packetsSince(packets)}
	if services, _ := table(); services > 0 {
		s.Name = fmt.Sprintf("stop, after which %d services are still there", services)
	}
	if st := m.cmd.ProcessState; st != nil {
		s.CPU = max(st.SystemTime()+st.UserTime()-before, 0)
	}
	report(s)
	return nil
}

func (m *measurement) write(weight int) error {
	return os.WriteFile(m.daemon.file, []byte(m.daemon.config(m.services, m.reals, weight)), 0o644)
}

func (m *measurement) start() error {
	m.log = &bytes.Buffer{}
	m.cmd = exec.Command(m.daemon.command[0], m.daemon.command[1:]...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return m.cmd.Start()
}

// kill ends all processes of the daemon at once.
func (m *measurement) kill() {
	pids := m.session()
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	m.cmd.Wait()
}

// complete reports whether the whole table is in the kernel.
func (m *measurement) complete() bool {
	services, reals := table()
	return services == m.services && reals == m.reals
}

// measure waits until the work is done: done, if given, says so, and then the
// daemon rests.
func (m *measurement) measure(name string, before time.Duration, done func() bool) step {
	began, writes, packets := time.Now(), m.writes(), netlinkPackets()
	for done != nil && !done() {
		time.Sleep(200 * time.Millisecond)
	}
	last, at := m.cpu(), time.Now()
	for time.Since(at) < idle {
		time.Sleep(50 * time.Millisecond)
		if now := m.cpu(); now-last > 20*time.Millisecond {
			last, at = now, time.Now()
		}
	}
	s := step{Name: name, Elapsed: at.Sub(began), CPU: m.cpu() - before, RSS: m.rss(), Writes: -1, Netlink: packetsSince(packets)}
	if m.daemon.writes != "" && done == nil {
		s.Writes = m.writes() - writes
	}
	return s
}

// writes counts the writes to the kernel that the log tells of.
func (m *measurement) writes() int {
	if m.daemon.writes == "" {
		return 0
	}
	return bytes.Count(m.log.Bytes(), []byte(m.daemon.writes))
}

// table counts the services and real servers in the kernel.
func table() (services, reals int) {
	b, err := os.ReadFile("/proc/net/ip_vs")
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(b) {
		switch {
		case bytes.HasPrefix(line, []byte("TCP")):
			services++
		case bytes.HasPrefix(line, []byte("  -> ")) && !bytes.Contains(line, []byte("RemoteAddress")):
			reals++
		}
	}
	return services, reals
}

// session lists the processes of the daemon, which has a session of its own.
func (m *measurement) session() []int {
	var out []int
	for _, p := range m.stats() {
		out = append(out, p.pid)
	}
	return out
}

// stat is what /proc/PID/stat says of a process.
type stat struct {
	pid int
	cpu time.Duration
	rss int64
}

// ticks per second of /proc (sysconf(_SC_CLK_TCK)).
const ticks = 100

func (m *measurement) stats() []stat {
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
		used := number(11) + number(12) + number(13) + number(14) // with its dead children
		out = append(out, stat{pid, time.Duration(used) * time.Second / ticks, number(21) * int64(os.Getpagesize())})
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
