package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"

	"github.com/mdlayher/genetlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// monitor is an interface that sees every netlink packet of its namespace.
const monitor = "nlmon0"

// watch counts what programs and the kernel say to each other: all packets,
// and the single operations on the IPVS table, whoever carries them out.
type watch struct {
	fd     int
	family uint16 // of IPVS in generic netlink
	own    int    // packets that one question for the number of packets makes
}

// errUnwatched says that nobody counts.
var errUnwatched = errors.New("no netlink monitor")

// watchNetlink makes the monitor. A nil watch counts nothing.
func watchNetlink() (*watch, error) {
	for _, args := range [][]string{{"link", "add", monitor, "type", "nlmon"}, {"link", "set", monitor, "up"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: ip %v: %w %s", errUnwatched, args, err, out)
		}
	}
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	f, err := conn.GetFamily("IPVS")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnwatched, err)
	}
	w := &watch{family: f.ID}
	if err := w.open(); err != nil {
		return nil, err
	}
	first := w.packets()
	w.own = w.packets() - first
	return w, nil
}

// open makes a socket for the messages of IPVS. They are read when a step is
// over, so that reading takes nothing from the daemon: hence the large buffer.
func (w *watch) open() error {
	link, err := netlink.LinkByName(monitor)
	if err != nil {
		return err
	}
	// The kernel loads halfwords in network order; the message's type is in
	// its own (linux/netlink.h).
	wanted := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, w.family))
	filter, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtProto},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.NETLINK_GENERIC, SkipTrue: 3},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(wanted), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 20},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return err
	}
	const everything = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
	if w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fmt.Errorf("open packet socket: %w", err)
	}
	program := make([]unix.SockFilter, len(filter))
	for i, f := range filter {
		program[i] = unix.SockFilter{Code: f.Op, Jt: f.Jt, Jf: f.Jf, K: f.K}
	}
	if err := errors.Join(
		unix.SetsockoptSockFprog(w.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}),
		unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 256<<20),
		unix.Bind(w.fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: link.Attrs().Index}),
	); err != nil {
		return fmt.Errorf("set up packet socket: %w", err)
	}
	return nil
}

// packets returns how many there have been since the monitor came, -1 when
// nobody counts.
func (w *watch) packets() int {
	if w == nil {
		return -1
	}
	link, err := netlink.LinkByName(monitor)
	if err != nil || link.Attrs().Statistics == nil {
		return -1
	}
	return int(link.Attrs().Statistics.RxPackets)
}

// since is the difference to an earlier count.
func (w *watch) since(before int) int {
	now := w.packets()
	if before < 0 || now < 0 {
		return -1
	}
	return now - before - w.own
}

// IPVS commands that change its table (linux/ip_vs.h): services and
// destinations are added, set and removed, or all is flushed.
var writes = map[uint8]bool{1: true, 2: true, 3: true, 5: true, 6: true, 7: true, 17: true}

// writes returns how many operations on the table were asked for since the
// last call, -1 when that is unknown.
func (w *watch) writes() int {
	if w == nil {
		return -1
	}
	n, buf := 0, make([]byte, 1<<20)
	for {
		size, _, err := unix.Recvfrom(w.fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			break
		}
		n += countWrites(buf[:size], w.family)
	}
	stats, err := unix.GetsockoptTpacketStats(w.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil || stats.Drops > 0 {
		return -1
	}
	return n
}

// countWrites counts the requests of a packet that change the table.
func countWrites(packet []byte, family uint16) (n int) {
	const header = unix.NLMSG_HDRLEN
	for len(packet) > header {
		size := int(binary.NativeEndian.Uint32(packet))
		kind, flags := binary.NativeEndian.Uint16(packet[4:]), binary.NativeEndian.Uint16(packet[6:])
		if size <= header || size > len(packet) {
			return n
		}
		if kind == family && flags&unix.NLM_F_REQUEST != 0 && writes[packet[header]] {
			n++
		}
		packet = packet[min((size+3)&^3, len(packet)):]
	}
	return n
}
