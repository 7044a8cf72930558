package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vipd/vipd/vrrp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

const (
	// protocol is VRRP's IP protocol number (RFC 9568 §5.1.1.4).
	protocol = 112
	// protocolAH is that of the authentication header (RFC 2402 §2).
	protocolAH = 51
	// receiveBuffer holds a burst of several hundred routers and what arrives
	// while this process is not running for some seconds.
	receiveBuffer = 1 << 20
)

// receiver is one receive socket, bound to one interface.
type receiver struct {
	conn   *net.IPConn
	raw    syscall.RawConn
	family vrrp.Family
	joined []netip.Addr
	// Of the read in progress; kept here so that reading allocates nothing.
	buf     []byte
	n       int
	oob     [128]byte
	oobn    int
	from    netip.Addr
	readOne func(fd uintptr)
}

// newReceiver opens a receive socket on the interface, joins the groups and
// signals ready whenever something arrives.
func newReceiver(ifi *net.Interface, at socketPlace, groups []netip.Addr, ready chan<- struct{}) (*receiver, error) {
	conn, err := listenRaw(ifi, at, receiveOptions(at.family))
	if err != nil {
		return nil, err
	}
	r, err := receiverOn(conn, at.family)
	if err == nil {
		err = r.join(ifi, groups)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	// What came before the socket was bound may be another interface's.
	for scratch := make([]byte, 1); r.read(scratch); {
	}
	go r.await(ready)
	return r, nil
}

// receiverOn reads from a socket that is set up.
func receiverOn(conn *net.IPConn, f vrrp.Family) (r *receiver, err error) {
	r = &receiver{conn: conn, family: f}
	r.readOne = r.readIPv4
	if f == vrrp.IPv6 {
		r.readOne = r.readIPv6
	}
	r.raw, err = conn.SyscallConn()
	return r, err
}

// join makes the interface a member of the groups and of no others. After an
// error, such as too many groups for a socket (igmp_max_memberships), it can be
// tried again.
func (r *receiver) join(ifi *net.Interface, groups []netip.Addr) error {
	r.joined = slices.DeleteFunc(slices.Clone(r.joined), func(g netip.Addr) bool {
		leaves := !slices.Contains(groups, g)
		if leaves {
			// There is nothing to leave when the membership went before.
			_ = r.membership(ifi, g, false)
		}
		return leaves
	})
	for _, g := range groups {
		if slices.Contains(r.joined, g) {
			continue
		}
		if err := r.membership(ifi, g, true); err != nil {
			return fmt.Errorf("join group %s on %s: %w", g, ifi.Name, err)
		}
		r.joined = append(r.joined, g)
	}
	return nil
}

// rejoin repairs memberships that the interface lost with its configuration,
// of which the socket knows nothing: it went to another namespace and back,
// for example.
func (r *receiver) rejoin(ifi *net.Interface, groups []netip.Addr) error {
	if err := r.join(ifi, nil); err != nil {
		return err
	}
	return r.join(ifi, groups)
}

// membership joins or leaves one group.
func (r *receiver) membership(ifi *net.Interface, group netip.Addr, member bool) error {
	type membered interface {
		JoinGroup(*net.Interface, net.Addr) error
		LeaveGroup(*net.Interface, net.Addr) error
	}
	var conn membered = ipv4.NewPacketConn(r.conn)
	if r.family == vrrp.IPv6 {
		conn = ipv6.NewPacketConn(r.conn)
	}
	if member {
		return conn.JoinGroup(ifi, &net.IPAddr{IP: group.AsSlice()})
	}
	return conn.LeaveGroup(ifi, &net.IPAddr{IP: group.AsSlice()})
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

// receive fills p with the next packet that has an IP header, without
// waiting, and reports whether there was one.
func (r *receiver) receive(buf []byte, p *vrrp.Received) bool {
	for r.read(buf) {
		if r.family == vrrp.IPv6 && r.parseIPv6(p) || r.family == vrrp.IPv4 && parseIPv4(r.buf[:r.n], p) {
			return true
		}
	}
	return false
}

// read takes one packet without waiting and reports whether there was one. A
// pending error of the socket, such as an interface that went down, is
// consumed.
func (r *receiver) read(buf []byte) bool {
	r.buf, r.n = buf, 0
	return r.raw.Control(r.readOne) == nil && r.n > 0
}

// readIPv4 reads a packet with its header.
func (r *receiver) readIPv4(fd uintptr) { r.n, _ = unix.Read(int(fd), r.buf) }

// readIPv6 reads a payload; what is needed of the header comes beside it.
func (r *receiver) readIPv6(fd uintptr) {
	var from unix.Sockaddr
	r.from = netip.Addr{}
	r.n, r.oobn, _, from, _ = unix.Recvmsg(int(fd), r.buf, r.oob[:], 0)
	if a, ok := from.(*unix.SockaddrInet6); ok {
		r.from = netip.AddrFrom16(a.Addr)
	}
}

func (r *receiver) close() { r.conn.Close() }

// receiveOptions limits the socket to the groups it joined itself: by default
// Linux delivers a group to every socket once any process joined it. Of an
// IPv6 header the destination and the hop limit are asked for. The kernel is
// not asked to verify checksums: it would drop bad packets without counting
// them for us.
func receiveOptions(f vrrp.Family) func(fd int) error {
	type option struct {
		name        string
		level, opt  int
		value       int
		alternative int // if the first is refused
	}
	set := []option{{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0, 0}}
	if f == vrrp.IPv6 {
		set = []option{
			{"IPV6_MULTICAST_ALL", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0, 0},
			{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, 0},
			{"IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1, 0},
		}
	}
	set = append(set, option{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer, unix.SO_RCVBUF})
	return func(fd int) error {
		for _, o := range set {
			err := unix.SetsockoptInt(fd, o.level, o.opt, o.value)
			if err != nil && o.alternative != 0 {
				err = unix.SetsockoptInt(fd, o.level, o.alternative, o.value)
			}
			if err != nil {
				return fmt.Errorf("set %s: %w", o.name, err)
			}
		}
		return nil
	}
}
