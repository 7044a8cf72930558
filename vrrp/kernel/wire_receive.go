package kernel

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// protocol is VRRP's IP protocol number (RFC 9568 §5.1.1.4).
	protocol = 112
	network  = "ip4:112"
	// receiveBuffer holds a burst of several hundred routers and what arrives
	// while this process is not running for some seconds.
	receiveBuffer = 1 << 20
)

// group is the VRRP multicast group (RFC 9568 §5.1.1.2).
var group = net.IPv4(224, 0, 0, 18)

// receiver is one receive socket, bound to one interface.
type receiver struct {
	conn *net.IPConn
	raw  syscall.RawConn
	// Of the read in progress; kept here so that reading allocates nothing.
	buf     []byte
	n       int
	readOne func(fd uintptr)
}

// newReceiver opens a receive socket on the interface, joins the group and
// signals ready whenever something arrives.
func newReceiver(ifi *net.Interface, ready chan<- struct{}) (*receiver, error) {
	conn, err := listenRaw(ifi, setReceiveOptions)
	if err != nil {
		return nil, err
	}
	r := &receiver{conn: conn}
	r.readOne = func(fd uintptr) { r.n, _ = unix.Read(int(fd), r.buf) }
	if r.raw, err = conn.SyscallConn(); err == nil {
		err = r.join(ifi)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	// What came before the socket was bound may be another interface's.
	for scratch := make([]byte, 1); r.read(scratch) > 0; {
	}
	go r.await(ready)
	return r, nil
}

// join makes the interface a member of the group.
func (r *receiver) join(ifi *net.Interface) error {
	if err := ipv4.NewPacketConn(r.conn).JoinGroup(ifi, &net.IPAddr{IP: group}); err != nil {
		return fmt.Errorf("join group %s on %s: %w", group, ifi.Name, err)
	}
	return nil
}

// rejoin repairs a membership that the interface lost with its IPv4
// configuration, of which the socket knows nothing: it went to another
// namespace and back, for example.
func (r *receiver) rejoin(ifi *net.Interface) error {
	// There is nothing to leave when an earlier join failed.
	_ = ipv4.NewPacketConn(r.conn).LeaveGroup(ifi, &net.IPAddr{IP: group})
	return r.join(ifi)
}

// await signals every arrival until the socket is closed. The callback says
// "not yet" each time, so that the runtime waits for the next arrival; the
// loop that is woken does the reading.
func (r *receiver) await(ready chan<- struct{}) {
	// The error is the close.
	_ = r.raw.Read(func(uintptr) bool {
		select {
		case ready <- struct{}{}:
		default:
		}
		return false
	})
}

// read takes one packet without waiting; 0 when there is none. A pending
// error of the socket, such as an interface that went down, is consumed.
func (r *receiver) read(buf []byte) int {
	r.buf, r.n = buf, 0
	if err := r.raw.Control(r.readOne); err != nil {
		return 0
	}
	return max(0, r.n)
}

func (r *receiver) close() { r.conn.Close() }

// setReceiveOptions limits the socket to the groups it joined itself: by
// default Linux delivers a group to every socket once any process joined it.
func setReceiveOptions(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0); err != nil {
		return fmt.Errorf("set IP_MULTICAST_ALL: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) == nil {
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
		return fmt.Errorf("set SO_RCVBUF: %w", err)
	}
	return nil
}
