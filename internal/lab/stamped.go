package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Stamped reads the IPv4 packets that pass an interface with the kernel's time
// stamps, so that a late reader does not count.
type Stamped struct {
	fd    int
	stop  atomic.Bool
	ended chan struct{}
}

// OpenStamped hands every packet of an interface in the calling thread's
// namespace to take, in order and one at a time, until Close. The packet is
// take's until it returns.
func OpenStamped(iface string, take func(packet []byte, at time.Time)) (*Stamped, error) {
	fd, err := listenStamped(iface)
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
	stats, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err == nil && stats.Drops > 0 {
		err = fmt.Errorf("missed %d packets", stats.Drops)
	}
	return err
}

// listenStamped opens a packet socket for IPv4 with time stamps. Reading gives
// up from time to time, to notice the end.
func listenStamped(iface string) (int, error) {
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return 0, err
	}
	const allIPv4 = unix.ETH_P_IP<<8&0xff00 | unix.ETH_P_IP>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, allIPv4)
	if err != nil {
		return 0, fmt.Errorf("open packet socket: %w", err)
	}
	for _, set := range []error{
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allIPv4, Ifindex: ifi.Index}),
	} {
		if set != nil {
			unix.Close(fd)
			return 0, fmt.Errorf("set up packet socket: %w", set)
		}
	}
	return fd, nil
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
