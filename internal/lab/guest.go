package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// GuestEnv names the environment variable that is set inside the guest.
const GuestEnv = "VIPD_LAB_GUEST"

const (
	guestKernel  = "linux.uml"
	guestModules = "/usr/lib/uml/modules"
	guestPrefix  = "vipd-guest-"
)

// HasIPVS reports whether this kernel has IPVS, after asking for the module.
func HasIPVS() bool {
	const table = "/proc/net/ip_vs"
	if _, err := os.Stat(table); err == nil {
		return true
	}
	// Refusal just means that there is none.
	_ = exec.Command("modprobe", "-q", "ip_vs").Run()
	_, err := os.Stat(table)
	return err == nil
}

// LoadModule asks for a module of the guest's kernel, or of this one, and
// reports whether it is there now.
func LoadModule(name string) bool {
	args := []string{"-q", name}
	if os.Getenv(GuestEnv) != "" {
		args = append([]string{"-d", "/run"}, args...)
	}
	return exec.Command("modprobe", args...).Run() == nil
}

// Module requires a module.
func Module(name string) Requirement {
	return func() string {
		if !LoadModule(name) {
			return "the kernel module " + name
		}
		return ""
	}
}

// GuestKernel requires what a guest needs.
func GuestKernel() string {
	for _, tool := range []string{guestKernel, "modprobe", "ip"} {
		if missing := Tool(tool)(); missing != "" {
			return missing
		}
	}
	if _, err := os.Stat(guestModules); err != nil {
		return fmt.Sprintf("the guest's modules: %v", err)
	}
	return ""
}

// GuestCommand is a program to run as root in a freshly booted guest: a Linux
// 6.1 with one slow CPU that has this machine's file system (writable!), a
// /run of its own with TMPDIR in it, and no network but its own.
type GuestCommand struct {
	Args   []string  // a program that is not below /run
	Env    []string  // in addition to PATH, HOME, TMPDIR and GuestEnv
	Output io.Writer // what it prints
}

// RunInGuest boots a guest, runs the command and returns its exit status.
// Cancelling ctx ends the guest.
func RunInGuest(ctx context.Context, c GuestCommand) (int, error) {
	sweepOnce.Do(sweep)
	dir, err := makeDir(os.TempDir(), guestPrefix)
	if err != nil {
		return 0, fmt.Errorf("make guest: %w", err)
	}
	defer os.RemoveAll(dir)
	init := filepath.Join(dir, "init")
	if err := os.WriteFile(init, []byte(initScript(c)), 0o755); err != nil {
		return 0, fmt.Errorf("make guest: %w", err)
	}
	// Serial line 1 carries the output and nothing of the kernel's.
	output, line, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("make guest: %w", err)
	}
	defer output.Close()
	console := &strings.Builder{}
	cmd := exec.Command(guestKernel, "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", "mem=1024M", "quiet",
		"init="+init, "uml_dir="+dir, "con=null", "con0=null,fd:1", "ssl=null", "ssl1=null,fd:3")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, markEnv+"="+filepath.Base(dir))
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = console, console, []*os.File{line}
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stop, err := startLocked(cmd)
	line.Close()
	if err != nil {
		return 0, fmt.Errorf("start guest: %w", err)
	}
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	status, err := copyUntilStatus(c.Output, output)
	if err != nil {
		stop()
		return 0, fmt.Errorf("run guest: %w\n%s", errors.Join(err, ctx.Err()), tail(console.String(), 20))
	}
	return status, nil
}

// modesty is the niceness of a guest: on a machine that has too little for all,
// daemons beside it, whose clocks and peers are real, come before it.
const modesty = 5

// startLocked starts cmd on one processor from a thread of its own, since its
// parent-death signal comes when that thread ends. stop kills its process group,
// waits and ends the thread; it may be called again.
func startLocked(cmd *exec.Cmd) (stop func(), err error) {
	started, end, ended := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		free, err := stayOnOneProcessor()
		if err != nil {
			started <- err
			return
		}
		defer free()
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, modesty); err != nil { // of this thread
			started <- fmt.Errorf("set niceness: %w", err)
			return
		}
		err = cmd.Start()
		started <- err
		if err != nil {
			return
		}
		<-end
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its process group; gone is fine
		_ = cmd.Wait()                                      // it was killed
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	requests := make(chan struct{}, 1)
	requests <- struct{}{}
	return func() {
		select {
		case <-requests:
			close(end)
		default:
		}
		<-ended
	}, nil
}
