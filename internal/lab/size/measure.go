package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// step is one measured thing. A negative number is unknown.
type step struct {
	cell
	Name    string
	Cut     bool          // the time was over before the end
	Elapsed time.Duration // until the daemon had done its work
	CPU     time.Duration // of all its processes, without what adverts take meanwhile
	RSS     int64         // bytes, of all its processes, afterwards
	Writes  int           // operations on the IPVS table that were asked for
	Netlink int           // packets in both directions
	Gap     time.Duration // the longest time between two adverts
	Late    int           // adverts later than a tenth of the interval, as the daemon counts
	Trouble string        // what is not as it should be afterwards
}

// Steps of every cell, in this order.
const (
	startEmpty    = "start from nothing"
	reloadSame    = "reload, the same file"
	reloadComment = "reload, another comment"
	reloadWeight  = "reload, one weight changed"
	verifyTable   = "verify the table" // which keepalived never does
	startKilled   = "start on the table of a killed daemon"
	stopAll       = "stop"
)

// measurement is one daemon with one size of table.
type measurement struct {
	cell
	daemon  daemon
	dir     string
	ipvs    bool // the kernel has a table to look at
	limit   time.Duration
	end     time.Time
	cmd     *exec.Cmd
	watch   *watch
	adverts *adverts
	// adverting is the share of the processor that adverts alone take.
	adverting float64
}

// errCut says that the limit was reached.
var errCut = errors.New("the time is over")

// run makes all steps. That the time is over is a result, not an error.
func (m *measurement) run(report func(step) error) (err error) {
	if m.watch, err = watchNetlink(); err != nil && !errors.Is(err, errUnwatched) {
		return err
	}
	if m.adverts, err = watchAdverts(wire); err != nil {
		return err
	}
	defer m.adverts.close()
	defer m.kill()
	m.end = time.Now().Add(m.limit)
	hangup := func() error { return m.cmd.Process.Signal(syscall.SIGHUP) }
	rewrite := func(text string) func() error {
		return func() error { return errors.Join(os.WriteFile(m.daemon.file, []byte(text), 0o644), hangup()) }
	}
	first, changed := m.daemon.config(m.Services, m.Reals, 1), m.daemon.config(m.Services, m.Reals, 7)
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{startEmpty, func() error { return errors.Join(os.WriteFile(m.daemon.file, []byte(first), 0o644), m.start()) }},
		{reloadSame, hangup},
		{reloadComment, rewrite(first + "# Another comment.\n")},
		{reloadWeight, rewrite(changed)},
		{verifyTable, m.verify},
		{startKilled, m.start},
		{stopAll, func() error { return m.cmd.Process.Signal(syscall.SIGTERM) }},
	} {
		if s.name == verifyTable && (m.Daemon != "vipd" || !m.ipvs) {
			continue
		}
		took, err := m.measure(s.name, s.do)
		if err != nil && !errors.Is(err, errCut) {
			return fmt.Errorf("%s: %w\n%s", s.name, err, m.lastWords())
		}
		if rerr := report(took); rerr != nil || took.Cut {
			return rerr
		}
		if s.name == startEmpty {
			m.measureAdverting()
		}
	}
	return nil
}

// measure makes one step and waits until its work is done.
func (m *measurement) measure(name string, do func() error) (step, error) {
	s := step{cell: m.cell, Name: name, Late: -1}
	starts, stops := name == startEmpty || name == startKilled, name == stopAll
	tells := m.daemon.reloaded
	if starts {
		tells = m.daemon.started
	}
	late, told := m.late(), m.told(tells)
	m.adverts.since()
	m.watch.writes()
	packets, before, began := m.watch.packets(), m.cpu(), time.Now()
	if starts {
		m.kill() // the one before, if there is one
		before, packets, began = 0, m.watch.packets(), time.Now()
		m.adverts.forget()
	}
	if err := do(); err != nil {
		return s, err
	}
	var at time.Time
	var used time.Duration
	var err error
	if stops {
		at, used, err = m.awaitEnd()
	} else {
		at, used, err = m.rest(func() bool {
			return name == verifyTable || (tells == "" || m.told(tells) > told) && (!starts || m.trouble(false) == "")
		})
	}
	s.Cut, s.Elapsed = err != nil, at.Sub(began)
	s.CPU = max(used-before-time.Duration(m.adverting*float64(s.Elapsed)), 0)
	s.Netlink, s.Writes, s.RSS = m.watch.since(packets), m.watch.writes(), m.rss()
	s.Gap, s.Trouble = m.adverts.since(), m.trouble(stops)
	if s.Cut {
		s.Trouble = fmt.Sprintf("cut off, like all after it: the %.0f s for all steps were over", m.limit.Seconds())
	}
	if now := m.late(); now >= 0 && late >= 0 && !starts {
		s.Late = now - late
	}
	return s, err
}

// verify makes vipd compare its table with the kernel's.
func (m *measurement) verify() error {
	out, err := exec.Command(m.daemon.command[0], "verify", "--runtime-dir", filepath.Join(m.dir, "run")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// measureAdverting measures what the daemon takes to send adverts alone.
func (m *measurement) measureAdverting() {
	const while = 5 * time.Second
	before, began := m.cpu(), time.Now()
	time.Sleep(while)
	m.adverting = float64(m.cpu()-before) / float64(time.Since(began))
}

func (m *measurement) start() error {
	log, err := os.OpenFile(m.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command(m.daemon.command[0], m.daemon.command[1:]...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return m.cmd.Start()
}

func (m *measurement) log() string { return filepath.Join(m.dir, "log") }

// lastWords is the end of the daemon's log.
func (m *measurement) lastWords() string {
	b, _ := os.ReadFile(m.log()) // none is no words
	return string(b[max(0, len(b)-2000):])
}

// idle is how long a daemon must rest to have done its work: it takes less than
// a quarter of the processor in every interval of that time. Adverts go on.
const (
	idle  = 1500 * time.Millisecond
	look  = 100 * time.Millisecond
	quiet = look / 4
)

// told counts how often the daemon has said something.
func (m *measurement) told(what string) int {
	b, _ := os.ReadFile(m.log()) // none before the first start
	return bytes.Count(b, []byte(what))
}

// rest waits until the daemon has done its work and rests. It returns when that
// began and what the daemon had used until then.
func (m *measurement) rest(isDone func() bool) (time.Time, time.Duration, error) {
	at, used := time.Now(), m.cpu()
	done := false
	for last := used; !done || time.Since(at) < idle; {
		if time.Now().After(m.end) {
			return time.Now(), m.cpu(), errCut
		}
		time.Sleep(look)
		now := m.cpu()
		busy := now-last > quiet
		if busy || !done {
			at, used = time.Now(), now
		}
		last = now
		done = done || !busy && isDone() // not while it works: to look takes time, too
	}
	return at, used, nil
}

// awaitEnd waits for the daemon to end.
func (m *measurement) awaitEnd() (time.Time, time.Duration, error) {
	ended := make(chan error, 1)
	go func() { ended <- m.cmd.Wait() }()
	select {
	case <-time.After(time.Until(m.end)):
		return time.Now(), m.cpu(), errCut
	case err := <-ended:
		state := m.cmd.ProcessState
		m.cmd = nil
		if err != nil {
			return time.Now(), 0, err
		}
		return time.Now(), state.SystemTime() + state.UserTime(), nil
	}
}

// kill ends all processes of the daemon at once, if it runs.
func (m *measurement) kill() {
	if m.cmd == nil {
		return
	}
	pids := m.session()
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, pid := range pids {
			_ = syscall.Kill(pid, sig) // one that has ended needs no more
		}
	}
	_ = m.cmd.Wait() // it was killed
	m.cmd = nil
}

// trouble says what of the table and the addresses is not there, or is there
// still.
func (m *measurement) trouble(stopped bool) string {
	services, reals, addresses := m.Services, m.Reals, m.Services
	if stopped {
		services, reals, addresses = 0, 0, 0
	}
	if s, r := table(); m.ipvs && (s != services || r != reals) {
		return fmt.Sprintf("%d services and %d real servers are in the kernel", s, r)
	}
	if n := held(); n != addresses {
		return fmt.Sprintf("%d addresses are held", n)
	}
	return ""
}

// table counts the services and real servers in the kernel, without a word to
// netlink: those are counted. The text is whole as no other namespace has services
// at the same time.
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

// held counts the virtual addresses that are local, without a word to netlink.
func held() int {
	b, err := os.ReadFile("/proc/net/fib_trie")
	if err != nil {
		return -1
	}
	all := map[string]bool{}
	address := ""
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "|--" {
			address = f[1]
		} else if len(f) == 3 && f[0] == "/32" && f[2] == "LOCAL" && strings.HasPrefix(address, "10.1.") {
			all[address] = true
		}
	}
	return len(all)
}

// late asks vipd how many adverts were late, -1 when it does not tell. Where
// there is a table, the question costs too much: status counts connections.
func (m *measurement) late() int {
	if m.Daemon != "vipd" || m.cmd == nil || m.ipvs {
		return -1
	}
	var status struct {
		Instances []struct {
			Counters struct {
				Late int `json:"adverts_late"`
			} `json:"counters"`
		} `json:"instances"`
	}
	// Its exit status says whether all is well, which is not the question.
	out, _ := exec.Command(m.daemon.command[0], "status", "--json", "--runtime-dir", filepath.Join(m.dir, "run")).Output()
	if json.Unmarshal(out, &status) != nil || len(status.Instances) == 0 {
		return -1
	}
	return status.Instances[0].Counters.Late
}
