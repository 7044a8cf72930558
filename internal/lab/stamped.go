package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Stamped reads packets that pass an interface with the kernel's time stamps, so
// that a late reader does not count.
type Stamped struct {
	fd     int
	missed atomic.Uint64
	stop   atomic.Bool
	ended  chan struct{}
}

// stampedKind is what a socket hears (packet(7)): from which layer on, of which
// protocol of the link in host byte order, and what of that.
type stampedKind struct {
	layer, protocol int
	filter          []bpf.RawInstruction
}

// OpenStamped hands every IPv4 packet of an interface in the calling thread's
// namespace to take, in order and one at a time, until Close. The packet is
// take's until it returns.
func OpenStamped(iface string, take func(packet []byte, at time.Time)) (*Stamped, error) {
	return openStamped(iface, stampedKind{layer: unix.SOCK_DGRAM, protocol: unix.ETH_P_IP}, take)
}

func openStamped(iface string, kind stampedKind, take func(packet []byte, at time.Time)) (*Stamped, error) {
	fd, err := listenStamped(iface, kind)
	if err != nil {
		return nil, err
	}
	s := &Stamped{fd: fd, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.read(take)
	}()
	return s, nil
}

// Close ends the reading.
func (s *Stamped) Close() {
	s.stop.Store(true)
	<-s.ended
	unix.Close(s.fd)
}

// Complete returns nil when no packet was dropped because the reader was behind.
func (s *Stamped) Complete() error {
	stats, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS) // since it was asked last
	if err != nil {
		return fmt.Errorf("ask for missed packets: %w", err)
	}
	if missed := s.missed.Add(uint64(stats.Drops)); missed > 0 {
		return fmt.Errorf("missed %d packets", missed)
	}
	return nil
}

// stampedBuffer holds what a flood of some seconds leaves to a late reader.
const stampedBuffer = 64 << 20

// listenStamped opens a packet socket with time stamps. Reading gives up from
// time to time, to notice the end.
func listenStamped(iface string, kind stampedKind) (int, error) {
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, kind.layer|unix.SOCK_CLOEXEC, 0) // hears nothing until it is bound
	if err != nil {
		return 0, fmt.Errorf("open packet socket: %w", err)
	}
	for _, set := range []error{
		attach(fd, kind.filter),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, stampedBuffer),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(kind.protocol<<8&0xff00 | kind.protocol>>8), Ifindex: ifi.Index}),
	} {
		if set != nil {
			unix.Close(fd)
			return 0, fmt.Errorf("set up packet socket: %w", set)
		}
	}
	return fd, nil
}

// attach lets a filter choose what a socket hears.
func attach(fd int, filter []bpf.RawInstruction) error {
	if len(filter) == 0 {
		return nil
	}
	program := make([]unix.SockFilter, len(filter))
	for i, f := range filter {
		program[i] = unix.SockFilter{Code: f.Op, Jt: f.Jt, Jf: f.Jf, K: f.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}

// read hands on packets until it is told to stop.
func (s *Stamped) read(take func(packet []byte, at time.Time)) {
	buf, oob := make([]byte, 2048), make([]byte, 128)
	for !s.stop.Load() {
		n, oobn, _, _, err := unix.Recvmsg(s.fd, buf, oob, 0)
		switch err {
		case nil:
			if at, ok := stamp(oob[:oobn]); ok {
				take(buf[:n], at)
			}
		case unix.EAGAIN, unix.EINTR:
		default:
			return
		}
	}
}

// stamp returns the kernel's time stamp of a packet.
func stamp(oob []byte) (time.Time, bool) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}, false
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:]))), true
		}
	}
	return time.Time{}, false
}
