package probe

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
)

// connect opens a TCP connection to the target. The caller closes it.
func connect(ctx context.Context, a *attempt) (net.Conn, error) {
	defer a.enter(phaseConnect, &a.result.Connect)()
	d := net.Dialer{
		KeepAlive: -1, // off: a probe is shorter than any keep-alive
		Control:   control(a.key.Settings.Network),
	}
	conn, err := d.DialTCP(ctx, "tcp", localAddress(a.key.Settings.Network, a.key.Target), a.key.Target)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// connectUDP opens a UDP socket that sends to and receives from the target
// only, and learns of ICMP errors.
func connectUDP(ctx context.Context, a *attempt) (net.Conn, error) {
	a.phase = phaseAnswer // there is no connection to wait for
	n := a.key.Settings.Network
	d := net.Dialer{Control: controlUDP(n)}
	conn, err := d.DialUDP(ctx, "udp", localAddress(n, a.key.Target), a.key.Target)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// localAddress is what a socket is bound to. A link-local source is on the link of
// the target, unless it says otherwise.
func localAddress(n healthcheck.Network, target netip.AddrPort) netip.AddrPort {
	switch {
	case n.Source.IsLinkLocalUnicast() && n.Source.Zone() == "":
		return netip.AddrPortFrom(n.Source.WithZone(target.Addr().Zone()), n.Port) // IPv4 has no zones
	case n.Source.IsValid():
		return netip.AddrPortFrom(n.Source.Unmap(), n.Port)
	case n.Port == 0:
		return netip.AddrPort{}
	case target.Addr().Is4():
		return netip.AddrPortFrom(netip.IPv4Unspecified(), n.Port)
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), n.Port)
}

// spoken is an address as it may stand in a message: a zone means something on
// this host alone (RFC 4007 section 6), and IPv4 is written as such.
func spoken(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// control returns what sets a socket's interface and mark, nil when nothing is
// to be set.
func control(n healthcheck.Network) func(network, address string, c syscall.RawConn) error {
	if n.Interface == "" && n.Mark == 0 && n.Port == 0 {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if failed := c.Control(func(fd uintptr) { err = setOptions(int(fd), n) }); failed != nil {
			return failed
		}
		return err
	}
}

// controlUDP is like control, and has the kernel tell of all ICMP errors. It
// keeps to itself those that may pass, such as that a host does not answer or a
// router knows no way, unless a socket asks (ip(7), ipv6(7)).
func controlUDP(n healthcheck.Network) func(network, address string, c syscall.RawConn) error {
	ordinary := control(n)
	return func(network, address string, c syscall.RawConn) error {
		level, option := unix.IPPROTO_IP, unix.IP_RECVERR
		if network == "udp6" {
			level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
		}
		var err error
		if failed := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, 1) }); failed != nil {
			return failed
		}
		if err != nil {
			return ourOption("hear of ICMP errors", err)
		}
		if ordinary == nil {
			return nil
		}
		return ordinary(network, address, c)
	}
}

// setOptions sets interface and mark of a socket.
func setOptions(fd int, n healthcheck.Network) error {
	if n.Interface != "" {
		if err := unix.BindToDevice(fd, n.Interface); err != nil {
			return ourOption("use interface "+n.Interface, err)
		}
	}
	if n.Port != 0 {
		// The last probe's connection may not be forgotten yet.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return ourOption("use the port again", err)
		}
	}
	if n.Mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(n.Mark)); err != nil {
			return ourOption("set the mark", err)
		}
	}
	return nil
}

// ourOption is the failure of a socket option: it says nothing about the
// server.
func ourOption(what string, err error) error { return internal(os.NewSyscallError(what, err)) }

// deadliner is a connection whose reads and writes can be ended from outside.
type deadliner interface{ SetDeadline(time.Time) error }

// limit makes all reads and writes of conn end when ctx is done. The caller
// calls release when it needs conn no more.
func limit(ctx context.Context, conn deadliner) (release func() bool) {
	return context.AfterFunc(ctx, func() {
		// The past ends blocked calls too. The only error is a closed
		// connection, which has no blocked calls.
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
}
