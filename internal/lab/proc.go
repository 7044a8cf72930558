package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Proc is a process that a host runs, in a process group of its own.
type Proc struct {
	Name string
	Host *Host

	cmd  *exec.Cmd
	log  string // path
	mark string
	done chan struct{}
	err  error // of Wait, set when done is closed
}

// errStillRunning tells that Wait's time was over first.
var errStillRunning = errors.New("still running")

// Start runs a program on the host and captures what it prints.
func (h *Host) Start(name string, arg ...string) *Proc {
	h.lab.tb.Helper()
	p, err := h.start(name, arg)
	if err != nil {
		h.lab.tb.Fatalf("start %s on %s: %v", name, h.Name, err)
	}
	return p
}

func (h *Host) start(name string, arg []string) (*Proc, error) {
	h.lab.mu.Lock()
	n := len(h.lab.procs)
	h.lab.mu.Unlock()
	p := &Proc{
		Name: filepath.Base(name), Host: h,
		log:  filepath.Join(h.dir, fmt.Sprintf("%s-%d.log", filepath.Base(name), n)),
		mark: fmt.Sprintf("%s/%s/%d", filepath.Base(h.lab.dir), h.Name, n),
		done: make(chan struct{}),
	}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(name, arg...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = h.dir, log, log
	p.cmd.Env = append(os.Environ(), markEnv+"="+p.mark)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := h.ns.fork(p.cmd.Start); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	h.lab.mu.Lock()
	defer h.lab.mu.Unlock()
	h.lab.procs = append(h.lab.procs, p)
	return p, nil
}

// Run runs a program on the host to its end and returns what it printed.
func (h *Host) Run(name string, arg ...string) (string, error) {
	p, err := h.start(name, arg)
	if err != nil {
		return "", fmt.Errorf("start %s on %s: %w", name, h.Name, err)
	}
	<-p.done
	if p.err != nil {
		return p.Log(), fmt.Errorf("run %s %s on %s: %w", name, strings.Join(arg, " "), h.Name, p.err)
	}
	return p.Log(), nil
}

// PID is the process's id.
func (p *Proc) PID() int { return p.cmd.Process.Pid }

// Log is all that the process and its children printed so far.
func (p *Proc) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return string(b)
}

// Running reports whether the process itself has not ended.
func (p *Proc) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the process alone, not to its children.
func (p *Proc) Signal(sig syscall.Signal) {
	if p.Running() {
		kill(p.PID(), sig)
	}
}

// Tree returns the living processes that this one is or has started, the
// orphans among them first, then children before parents, itself last.
func (p *Proc) Tree() []int {
	var tree []int
	if p.Running() {
		tree = append(descendants(processes(), p.PID()), p.PID())
	}
	known := map[int]bool{}
	for _, pid := range tree {
		known[pid] = true
	}
	var orphans []int
	for _, pid := range markedProcesses(p.mark) {
		if !known[pid] {
			orphans = append(orphans, pid)
		}
	}
	return append(orphans, tree...)
}

// Kill ends the process and everything it started with SIGKILL until none is
// left. All are frozen before the first one dies, parents first, and then
// killed, children first: as in a crash of the whole, none gets to react.
func (p *Proc) Kill() { p.KillBut() }

// KillBut is Kill that leaves some processes alone.
func (p *Proc) KillBut(spared ...int) {
	// A process in the middle of an exec has no environment for a moment, so
	// one empty look proves nothing.
	for empty := 0; empty < 3; {
		tree := slices.DeleteFunc(p.Tree(), func(pid int) bool { return slices.Contains(spared, pid) })
		for _, pid := range slices.Backward(tree) {
			kill(pid, syscall.SIGSTOP)
		}
		for _, pid := range tree {
			kill(pid, syscall.SIGKILL)
		}
		if empty++; len(tree) > 0 {
			empty = 0
		}
		time.Sleep(time.Millisecond)
	}
	<-p.done
}

// Wait waits for the process to end by itself and returns its exit status,
// 128 + signal when a signal ended it.
func (p *Proc) Wait(within time.Duration) (int, error) {
	if p.Running() {
		select {
		case <-p.done:
		case <-time.After(within):
		}
	}
	if p.Running() {
		return -1, fmt.Errorf("wait for %s of %s: %w after %v", p.Name, p.Host.Name, errStillRunning, within)
	}
	state, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && state.Signaled() {
		return 128 + int(state.Signal()), nil
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// WaitLog waits until the process has printed the text.
func (p *Proc) WaitLog(text string, within time.Duration) {
	p.Host.lab.tb.Helper()
	WaitFor(p.Host.lab.tb, fmt.Sprintf("%s of %s prints %q", p.Name, p.Host.Name, text), within, func() error {
		if strings.Contains(p.Log(), text) {
			return nil
		}
		if !p.Running() {
			return fmt.Errorf("it has ended: %v", p.err)
		}
		return errors.New("not printed")
	})
}

// tail returns the last n lines of s.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > n {
		lines = append([]string{fmt.Sprintf("… %d lines before …", len(lines)-n)}, lines[len(lines)-n:]...)
	}
	return strings.Join(lines, "\n")
}
