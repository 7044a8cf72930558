package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// roleFD is the descriptor on which a role process finds its link.
const roleFD = 3

// successorFD is the descriptor on which a successor is reached.
const successorFD = 4

// ownBinary is the file that this process runs, also when a package upgrade
// has put another one in its place: a role must fit its supervisor.
const ownBinary = "/proc/self/exe"

// process is a running role, in a process of its own or not.
type process struct {
	conn io.ReadWriteCloser
	pid  int
	done chan struct{} // closed when it has ended
	err  error         // valid after done
	kill func()
}

// hasEnded reports whether the process is gone.
func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// awaitEnd waits for the end of a process that leaves by itself and returns its
// error; one that does not within the bound is killed. A process that the kernel
// holds ends once it is let go: nobody waits for that.
func (p *process) awaitEnd(bound time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(bound):
	}
	p.kill()
	select {
	case <-p.done:
		return p.err
	case <-time.After(killBound):
		return errNoAnswer
	}
}

// killBound is how long a killed process may take to end.
const killBound = time.Second

// spawner starts a role.
type spawner func(name string) (*process, error)

// spawnProcess runs this binary again as the named role, with one end of a
// socketpair as descriptor 3. The router role begins with a real-time priority.
func spawnProcess(opt Options, realTime func() int) spawner {
	return func(name string) (*process, error) {
		var flags []string
		if name == roleRouter {
			flags = []string{"--realtime", strconv.Itoa(realTime())}
		}
		return startRole(opt, ownBinary, name, flags)
	}
}

// startSuccessor runs a binary as the named role, to go on where another process
// stands that reaches it on a socket.
func startSuccessor(opt Options, binary, name string, listener *os.File) (*process, error) {
	return startRole(opt, binary, name, []string{"--successor"}, listener)
}

// startRole runs a binary as the named role, with the given descriptors beside
// the link.
func startRole(opt Options, binary, name string, flags []string, extra ...*os.File) (*process, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	if opt.ProgramUmask != nil {
		flags = append(flags, "--program-umask", strconv.Itoa(int(*opt.ProgramUmask)))
	}
	cmd := exec.Command(binary, append([]string{"role", name, "--runtime-dir", opt.RuntimeDir}, flags...)...)
	cmd.Args[0] = os.Args[0] // what ps shows
	cmd.ExtraFiles = append([]*os.File{theirs}, extra...)
	output, err := roleOutput(opt.Log)
	if err != nil {
		ours.Close()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		ours.Close()
		tellOutput(opt.Log, output)
		return nil, fmt.Errorf("start role %s: %w", name, err)
	}
	return follow(ours, cmd.Process, func() { tellOutput(opt.Log, output) }), nil
}

// follow is a role that runs as a child of this process; ended is called first of
// all when it does so no more.
func follow(conn io.ReadWriteCloser, child *os.Process, ended func()) *process {
	p := &process{conn: conn, pid: child.Pid, done: make(chan struct{})}
	p.kill = func() { _ = child.Kill() } // it may have ended
	go func() {
		state, err := child.Wait()
		if err == nil && !state.Success() {
			err = errors.New(state.String())
		}
		p.err = err
		ended()
		close(p.done)
	}()
	return p
}

// socketpair returns a connected pair of stream sockets, both close-on-exec.
func socketpair() (ours net.Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make socketpair: %w", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "role link")
	f := os.NewFile(uintptr(fds[0]), "supervisor link")
	defer f.Close()
	ours, err = net.FileConn(f)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("use socketpair: %w", err)
	}
	return ours, theirs, nil
}

// inheritedLink returns the link of a role process.
func inheritedLink() (net.Conn, error) {
	f := os.NewFile(roleFD, "role link")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("use descriptor %d: %w (roles are started by `vipd run`)", roleFD, err)
	}
	return conn, nil
}

// spawnGoroutine runs a role inside this process.
func spawnGoroutine(opt Options) spawner {
	return func(name string) (*process, error) {
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		p := &process{conn: ours, pid: os.Getpid(), done: make(chan struct{})}
		var once sync.Once
		p.kill = func() { once.Do(func() { cancel(); theirs.Close() }) }
		go func() {
			p.err = runRole(ctx, name, theirs, opt)
			p.kill()
			close(p.done)
		}()
		return p, nil
	}
}

// runRole runs the named role until its link ends.
func runRole(ctx context.Context, name string, conn io.ReadWriteCloser, opt Options) error {
	switch name {
	case roleRouter:
		return runRouter(ctx, conn, opt)
	case roleChecker:
		return runChecker(ctx, conn, opt)
	}
	return errors.New("unknown role " + name)
}
