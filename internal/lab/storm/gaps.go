package storm

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// settled is how long no master must have changed for all to be settled.
const settled = 2 * time.Second

// gaps measures the time between two adverts of each virtual router by the
// kernel's time stamps, so that a late reader does not count.
type gaps struct {
	fd   int
	stop atomic.Bool

	mu     sync.Mutex
	last   map[uint8]spoken
	latest time.Time // of all
	seen
}

// spoken is the last advert of a virtual router.
type spoken struct {
	at  time.Time
	src netip.Addr
}

// seen is what passed in some time.
type seen struct {
	adverts int
	// largest is the longest time between two adverts of one virtual router.
	largest time.Duration
	// changes counts the adverts of another master than the one before.
	changes int
	// changed is when the last of them came, takeover how long after the last
	// advert of the one before.
	changed  time.Time
	takeover time.Duration
}

// watchGaps measures the adverts of IPv4 routers that pass an interface.
func watchGaps(tb lab.TB, h *lab.Host, iface string) *gaps {
	tb.Helper()
	g := &gaps{last: make(map[uint8]spoken)}
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
	vrid, src := packet[header+1], netip.AddrFrom4([4]byte(packet[12:16]))
	g.mu.Lock()
	defer g.mu.Unlock()
	last, known := g.last[vrid]
	if known {
		g.largest = max(g.largest, at.Sub(last.at))
	}
	if last.src != src {
		g.changes++
		g.changed, g.takeover = at, at.Sub(last.at)
	}
	g.last[vrid], g.latest = spoken{at, src}, at
	g.adverts++
}

// since returns what was seen since the last call and begins anew; the last
// advert of each virtual router stays known.
func (g *gaps) since() seen {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.seen
	g.seen = seen{}
	return s
}

// caughtUp returns nil when everything up to a time was read: on a busy machine
// the reader is behind.
func (g *gaps) caughtUp(with time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if behind := with.Sub(g.latest); behind > 0 {
		return fmt.Errorf("the last advert read is %v older", behind)
	}
	return nil
}

// owns returns nil when the address is master of that many virtual routers, of
// all that were heard, and has been for a while.
func (g *gaps) owns(master netip.Addr, routers int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	owned := 0
	for _, last := range g.last {
		if last.src == master {
			owned++
		}
	}
	if owned != routers || len(g.last) != routers {
		return fmt.Errorf("%s is master of %d of %d that were heard, want %d", master, owned, len(g.last), routers)
	}
	if steady := time.Since(g.changed); steady < settled {
		return fmt.Errorf("the last change of a master was %v ago", steady)
	}
	return nil
}
