package kernel

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Listener is a process that listens to VRRP.
type Listener struct {
	PID  int
	Name string // of its program
}

// String describes it: "keepalived (pid 123)".
func (l Listener) String() string { return fmt.Sprintf("%s (pid %d)", l.Name, l.PID) }

// OtherListeners returns the other processes of this network namespace that
// listen to VRRP on an interface, as keepalived and FRR do. This process and
// those given are not counted.
//
// A raw socket of protocol 112 counts when it is bound to the interface, to one
// on top of it or to none, or when the kernel does not let us see to what it is
// bound.
func OtherListeners(iface string, notCounting ...int) []Listener {
	sockets := make(map[uint64]bool)
	for _, table := range []string{"raw", "raw6"} {
		// A kernel without IPv6 has no second table.
		some, _ := rawSockets(filepath.Join("/proc/thread-self/net", table))
		maps.Copy(sockets, some)
	}
	if len(sockets) == 0 {
		return nil
	}
	seen := map[int]bool{os.Getpid(): true}
	for _, pid := range notCounting {
		seen[pid] = true
	}
	owners, err := socketOwners(sockets)
	if err != nil {
		return nil
	}
	var out []Listener
	for _, o := range owners {
		if !seen[o.pid] && o.listensOn(iface) {
			seen[o.pid] = true
			out = append(out, o.listener())
		}
	}
	return out
}

// rawSockets returns the inodes of all raw sockets of protocol 112. In
// /proc/net/raw and raw6 the protocol stands where other tables have the local port.
func rawSockets(path string) (map[uint64]bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("list raw sockets: %w", err)
	}
	defer f.Close()
	return parseRawSockets(f)
}

func parseRawSockets(r io.Reader) (map[uint64]bool, error) {
	const localAddress, inode = 1, 9
	inodes := make(map[uint64]bool)
	lines := bufio.NewScanner(r)
	lines.Scan() // the heading
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) <= inode {
			continue
		}
		_, port, _ := strings.Cut(fields[localAddress], ":")
		if p, err := strconv.ParseUint(port, 16, 16); err != nil || p != protocol {
			continue
		}
		if n, err := strconv.ParseUint(fields[inode], 10, 64); err == nil {
			inodes[n] = true
		}
	}
	return inodes, lines.Err()
}

// socketOwner is one process's hold on a socket.
type socketOwner struct {
	pid, fd int
}

// socketOwners finds the processes that have one of the sockets open, by
// process id.
func socketOwners(inodes map[uint64]bool) ([]socketOwner, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var owners []socketOwner
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			owners = append(owners, heldBy(pid, inodes)...)
		}
	}
	return owners, nil
}

// heldBy finds the sockets that one process has open. A process that ends
// meanwhile has none.
func heldBy(pid int, inodes map[uint64]bool) (held []socketOwner) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range fds {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		var inode uint64
		if _, err := fmt.Sscanf(target, "socket:[%d]", &inode); err != nil || !inodes[inode] {
			continue
		}
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			held = append(held, socketOwner{pid, fd})
		}
	}
	return held
}

// listensOn tells whether the socket may hear an interface. The device it is
// bound to is asked of the socket itself, through a duplicate (Linux 5.6).
func (o socketOwner) listensOn(iface string) bool {
	pidfd, err := unix.PidfdOpen(o.pid, 0)
	if err != nil {
		return err != unix.ESRCH
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, o.fd, 0)
	if err != nil {
		return err != unix.ESRCH && err != unix.EBADF
	}
	defer unix.Close(fd)
	device, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
	return err != nil || device == "" || device == iface || onTopOf(device, iface)
}

// onTopOf tells whether an interface, such as one with a virtual MAC address,
// sends by another one.
func onTopOf(device, iface string) bool {
	upper, err := netlink.LinkByName(device)
	if err != nil {
		return false
	}
	lower, err := netlink.LinkByName(iface)
	return err == nil && upper.Attrs().ParentIndex == lower.Attrs().Index
}

func (o socketOwner) listener() Listener { return Listener{PID: o.pid, Name: o.command()} }

// String is "keepalived (pid 123)".
func (o socketOwner) String() string { return o.listener().String() }

// command returns the name of the process. The kernel knows the first 15 bytes
// of it; the rest is that of the program.
func (o socketOwner) command() string {
	const known = 15 // TASK_COMM_LEN - 1, linux/sched.h
	dir := filepath.Join("/proc", strconv.Itoa(o.pid))
	b, err := os.ReadFile(filepath.Join(dir, "comm"))
	if err != nil {
		return "a process"
	}
	name := string(bytes.TrimSpace(b))
	if program, err := os.Readlink(filepath.Join(dir, "exe")); err == nil && len(name) == known && strings.HasPrefix(filepath.Base(program), name) {
		return filepath.Base(program)
	}
	return name
}
