package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/vrrp"
)

// handoverVersion is the form of what a supervisor leaves to the binary that it
// executes. Fields may be added to it.
const handoverVersion = 1

// handover is what a supervisor leaves to the binary that it executes: plain
// data, and descriptors that stay open. The roles are those of that binary and
// work already; they wait for their supervisor.
type handover struct {
	Version  int
	From     string // version of the binary that wrote it
	Failure  string // why the new binary executed the old one again; empty on the way there
	Stop     bool   // a stop was asked for on the way
	Args     []string
	Lock     int // descriptor of the instance lock
	Binary   int // descriptor of the binary that wrote it
	Roles    []handedRole
	Verdicts []vrrp.Observed

	// Of the process that took over, until it is confirmed.
	dir     string // where the file was
	signals *signalSet
	lock    *os.File
	unready *time.Timer
	late    chan struct{} // closed when unready has rung in vain
}

// handedRole is a role process: a child of this process, as the process stays
// the same.
type handedRole struct {
	Name string
	PID  int
	Link int // descriptor that keeps it alive
}

const (
	handoverEnv  = "VIPD_HANDOVER" // path of the file
	handoverFile = "handover.json" // in the runtime directory, for root only
)

// takeHandover returns what an executing binary left, nil at a fresh start. There
// is something to leave in order from now on: stops are caught, unless signals is
// nil.
func takeHandover(signals *signalSet) (*handover, error) {
	path := os.Getenv(handoverEnv)
	if path == "" {
		return nil, nil
	}
	if signals != nil {
		signals.catchStop()
	}
	os.Unsetenv(handoverEnv)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	var h handover
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	if h.Version != handoverVersion {
		return nil, fmt.Errorf("take over: form %d of what %s left is not known, only %d", h.Version, h.From, handoverVersion)
	}
	for _, fd := range h.descriptors() {
		unix.CloseOnExec(fd)
	}
	h.dir, h.signals = filepath.Dir(path), signals
	return &h, os.Remove(path)
}

// DeclineHandover executes the binary before again when this one was to take
// over and ends without having begun. Otherwise it does nothing.
func DeclineHandover(why string) {
	h, err := takeHandover(nil)
	if h == nil {
		return
	}
	if err = errors.Join(err, h.back(errors.New(why))); err != nil {
		fmt.Fprintln(os.Stderr, "vipd: go back to the binary before:", err)
	}
}

func (h *handover) descriptors() []int {
	fds := []int{h.Lock, h.Binary}
	for _, r := range h.Roles {
		fds = append(fds, r.Link)
	}
	return fds
}

// execute replaces this process by a binary that takes over. It returns only
// when that is impossible; everything is as before then.
func (h *handover) execute(runtimeDir, binary string) error {
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode handover: %w", err)
	}
	path := filepath.Join(runtimeDir, handoverFile)
	if err := replaceFile(path, b, 0o600); err != nil {
		return err
	}
	for _, fd := range h.descriptors() {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("keep descriptor: %w", err)
		}
	}
	err = syscall.Exec(binary, h.Args, append(os.Environ(), handoverEnv+"="+path))
	for _, fd := range h.descriptors() {
		unix.CloseOnExec(fd)
	}
	return errors.Join(fmt.Errorf("execute %s: %w", binary, err), os.Remove(path))
}

// back executes the old binary again, once. A fresh start has none.
func (h *handover) back(why error) error {
	if h == nil {
		return nil
	}
	if h.Failure != "" {
		return fmt.Errorf("take over: both binaries fail: %w", why)
	}
	h.Failure = why.Error()
	if h.signals != nil {
		h.signals.releaseStop()
		h.Stop = h.Stop || len(h.signals.terminate) > 0
	}
	return h.execute(h.dir, "/proc/self/fd/"+strconv.Itoa(h.Binary))
}

// await executes the binary before again unless confirm comes within bound. A
// nil handover is that of a fresh start.
func (h *handover) await(bound time.Duration) {
	if h == nil {
		return
	}
	h.late = make(chan struct{})
	h.unready = time.AfterFunc(bound, func() {
		defer close(h.late)
		_ = h.back(errors.New("the new binary was not ready in time"))
	})
}

// attempt makes a panic of the new binary's start an error, from which there is
// a way back.
func (h *handover) attempt(begin func() (*supervisor, error)) (s *supervisor, err error) {
	if h != nil {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("the new binary panics: %v", p)
			}
		}()
	}
	return begin()
}

// confirm ends the way back. Until then no message of a role was read.
func (h *handover) confirm() {
	if h == nil {
		return
	}
	if !h.unready.Stop() {
		<-h.late // it goes back this very moment, or cannot
	}
	unix.Close(h.Binary)
	for _, r := range h.Roles {
		unix.Close(r.Link)
	}
}

// unclaim gives up the instance after a start that failed, unless it goes back
// to the binary before.
func (h *handover) unclaim(lock *os.File) {
	if h == nil {
		unlockInstance(lock)
	}
}

// role returns the process of a role that was handed over.
func (h *handover) role(name string) (*process, error) {
	i := slices.IndexFunc(h.Roles, func(r handedRole) bool { return r.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("take over: no role %s was handed over", name)
	}
	link, err := unix.FcntlInt(uintptr(h.Roles[i].Link), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("take over role %s: %w", name, err)
	}
	f := os.NewFile(uintptr(link), "role link")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("take over role %s: %w", name, err)
	}
	child, err := os.FindProcess(h.Roles[i].PID)
	if err != nil {
		return nil, fmt.Errorf("take over role %s: %w", name, err)
	}
	return follow(conn, child, func() {}), nil
}

// hand makes the link of a role one that can be handed over.
func (p *process) hand(name string) (handedRole, error) {
	conn, ok := p.conn.(*net.UnixConn)
	if !ok {
		return handedRole{}, fmt.Errorf("hand over role %s: not a process", name)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return handedRole{}, fmt.Errorf("hand over role %s: %w", name, err)
	}
	r := handedRole{Name: name, PID: p.pid}
	var dupErr error
	err = raw.Control(func(fd uintptr) { r.Link, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, dupErr); err != nil {
		return handedRole{}, fmt.Errorf("hand over role %s: %w", name, err)
	}
	return r, nil
}
