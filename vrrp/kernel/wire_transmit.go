package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/vipd/vipd/vrrp"
	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

const (
	// tos is DSCP CS6, network control (RFC 4594 §3.1).
	tos = 0xc0
	// controlPriority is TC_PRIO_CONTROL (linux/pkt_sched.h): the first band
	// of the default queueing discipline.
	controlPriority = 7
)

// transmitter is one transmit socket, bound to one interface.
type transmitter struct {
	conn   *net.IPConn
	raw    syscall.RawConn
	family vrrp.Family
	src    netip.Addr // that oob holds
	ttl    uint8      // that oob or the socket holds
	oob    []byte     // marshalled control message: interface and source
}

func newTransmitter(ifi *net.Interface, at socketPlace) (*transmitter, error) {
	conn, err := listenRaw(ifi, at, transmitOptions(at))
	if err != nil {
		return nil, err
	}
	t, err := transmitterOn(conn, at.family)
	if err == nil {
		err = t.setup()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return t, nil
}

// transmitterOn sends by a socket that is set up.
func transmitterOn(conn *net.IPConn, f vrrp.Family) (t *transmitter, err error) {
	t = &transmitter{conn: conn, family: f}
	t.raw, err = conn.SyscallConn()
	return t, err
}

// setup sets what every advert carries and keeps packets of others out of a
// queue that nobody reads.
func (t *transmitter) setup() error {
	dropAll, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	if t.family == vrrp.IPv6 {
		pc := ipv6.NewPacketConn(t.conn)
		return errors.Join(t.setFreeBind(), pc.SetBPF(dropAll), pc.SetMulticastLoopback(false), t.setPriority())
	}
	pc := ipv4.NewPacketConn(t.conn)
	return errors.Join(
		pc.SetBPF(dropAll),
		pc.SetTOS(tos),
		pc.SetMulticastLoopback(false),
		t.setPriority(),
	)
}

// setFreeBind lets the interface of a virtual router send from the link-local
// address of its base interface.
func (t *transmitter) setFreeBind() error {
	var set error
	err := t.raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
	})
	return errors.Join(err, set)
}

// setPriority makes adverts overtake bulk traffic in the interface's queue.
// It comes after the TOS, from which Linux derives best effort for CS6.
func (t *transmitter) setPriority() error {
	var set error
	err := t.raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PRIORITY, controlPriority)
	})
	return errors.Join(err, set)
}

// send hands one advert to the kernel without waiting for room.
func (t *transmitter) send(index int, a *vrrp.SendAdvert) error {
	if err := t.prepare(index, a); err != nil {
		return err
	}
	to := t.destination(index, a.Dst)
	var sent error
	err := t.raw.Control(func(fd uintptr) {
		_, sent = unix.SendmsgN(int(fd), a.Payload, t.oob, to, unix.MSG_DONTWAIT)
	})
	return errors.Join(err, sent)
}

// prepare makes the socket's settings and the control message those of the
// advert. Adverts of one interface rarely differ in them.
func (t *transmitter) prepare(index int, a *vrrp.SendAdvert) error {
	if t.oob != nil && t.src == a.Src && t.ttl == a.TTL {
		return nil
	}
	t.oob = nil
	if t.family == vrrp.IPv6 {
		t.oob = (&ipv6.ControlMessage{
			IfIndex: index, Src: a.Src.AsSlice(), HopLimit: int(a.TTL), TrafficClass: tos,
		}).Marshal()
	} else {
		pc := ipv4.NewPacketConn(t.conn)
		if err := errors.Join(pc.SetTTL(int(a.TTL)), pc.SetMulticastTTL(int(a.TTL))); err != nil {
			return fmt.Errorf("set TTL: %w", err)
		}
		t.oob = (&ipv4.ControlMessage{IfIndex: index, Src: a.Src.AsSlice()}).Marshal()
	}
	t.src, t.ttl = a.Src, a.TTL
	return nil
}

func (t *transmitter) destination(index int, a netip.Addr) unix.Sockaddr {
	if t.family == vrrp.IPv4 {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	to := &unix.SockaddrInet6{Addr: a.As16()}
	if a.IsLinkLocalUnicast() || a.IsMulticast() {
		to.ZoneId = uint32(index)
	}
	return to
}

func (t *transmitter) close() { t.conn.Close() }

// transmitOptions keeps the receive side small. Packets with an authentication
// header bring their IP header along, which it covers; the others may be
// fragmented, as those of keepalived.
func transmitOptions(at socketPlace) func(fd int) error {
	return func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0); err != nil {
			return fmt.Errorf("set SO_RCVBUF: %w", err)
		}
		switch {
		case at.ah:
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_HDRINCL, 1); err != nil {
				return fmt.Errorf("set IP_HDRINCL: %w", err)
			}
		case at.family == vrrp.IPv4:
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT); err != nil {
				return fmt.Errorf("set IP_MTU_DISCOVER: %w", err)
			}
		}
		return nil
	}
}

// listenRaw opens a raw socket that works on one interface.
func listenRaw(ifi *net.Interface, at socketPlace, options func(fd int) error) (*net.IPConn, error) {
	cfg := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) {
			if set = unix.BindToDevice(int(fd), ifi.Name); set != nil {
				set = fmt.Errorf("bind to device %s: %w", ifi.Name, set)
				return
			}
			set = options(int(fd))
		})
		return errors.Join(err, set)
	}}
	network, any := "ip4:", "0.0.0.0"
	if at.family == vrrp.IPv6 {
		network, any = "ip6:", "::"
	}
	number := protocol
	if at.ah {
		number = protocolAH
	}
	conn, err := cfg.ListenPacket(context.Background(), network+strconv.Itoa(number), any)
	if err != nil {
		return nil, fmt.Errorf("open raw socket: %w", err)
	}
	return conn.(*net.IPConn), nil
}
