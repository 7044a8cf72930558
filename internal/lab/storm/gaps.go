package storm

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// gaps measures the time between two adverts of each virtual router by the
// kernel's time stamps, so that a late reader does not count.
type gaps struct {
	fd   int
	stop atomic.Bool

	mu      sync.Mutex
	last    map[uint8]time.Time
	largest time.Duration
	adverts int
}

// watchGaps measures the adverts of IPv4 routers that pass an interface.
func watchGaps(tb lab.TB, h *lab.Host, iface string) *gaps {
	tb.Helper()
	g := &gaps{last: make(map[uint8]time.Time)}
	err := h.Do(func() (err error) {
		g.fd, err = listen(iface)
		return err
	})
	if err != nil {
		tb.Fatalf("watch adverts: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.read()
	}()
	tb.Cleanup(func() {
		g.stop.Store(true)
		<-ended
		unix.Close(g.fd)
	})
	return g
}

// listen opens a packet socket for IPv4 with time stamps. Reading gives up
// from time to time, to notice the end.
func listen(iface string) (int, error) {
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

// read notes adverts until it is told to stop.
func (g *gaps) read() {
	buf, oob := make([]byte, 2048), make([]byte, 128)
	for !g.stop.Load() {
		n, oobn, _, _, err := unix.Recvmsg(g.fd, buf, oob, 0)
		switch err {
		case nil:
			if at, ok := stamp(oob[:oobn]); ok {
				g.note(buf[:n], at)
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

func (g *gaps) note(packet []byte, at time.Time) {
	const header, protocolVRRP = 20, 112
	if len(packet) < header+8 || packet[9] != protocolVRRP {
		return
	}
	vrid := packet[header+1]
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, known := g.last[vrid]; known {
		g.largest = max(g.largest, at.Sub(last))
	}
	g.last[vrid] = at
	g.adverts++
}

// since returns what was seen since the last call: the largest gap and the
// number of adverts. It forgets the gaps, not the times of the last adverts.
func (g *gaps) since() (largest time.Duration, adverts int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	largest, adverts = g.largest, g.adverts
	g.largest, g.adverts = 0, 0
	return largest, adverts
}
