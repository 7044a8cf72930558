package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// allNodes is where unsolicited neighbour advertisements go (RFC 4861 §4.4).
var allNodes = netip.MustParseAddr("ff02::1")

// ndHopLimit proves that a message was not forwarded (RFC 4861 §7.1.2).
const ndHopLimit = 255

// neighbourConn is the ICMPv6 socket of an interface.
type neighbourConn struct {
	conn  *ipv6.PacketConn
	index int
}

// neighbourAdvertisement builds the message that tells a network where an
// address is (RFC 4861 §4.4): unsolicited, and to override what hosts know.
// The router flag says whether this host forwards: hosts drop a default
// router that stops claiming to be one. The kernel adds the checksum.
func neighbourAdvertisement(mac net.HardwareAddr, ip netip.Addr, router bool) ([]byte, error) {
	b, err := ndp.MarshalMessage(&ndp.NeighborAdvertisement{
		Router: router, Override: true, TargetAddress: ip,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac}},
	})
	if err != nil {
		return nil, fmt.Errorf("build neighbour advertisement for %s: %w", ip, err)
	}
	return b, nil
}

// advertise sends one neighbour advertisement from the address itself.
func (a *announcer) advertise(ifi net.Interface, ip netip.Addr) error {
	c, err := a.neighbours(ifi)
	if err != nil {
		return err
	}
	b, err := neighbourAdvertisement(ifi.HardwareAddr, ip, forwards(ifi.Name))
	if err != nil {
		return err
	}
	from := &ipv6.ControlMessage{Src: ip.AsSlice(), IfIndex: ifi.Index, HopLimit: ndHopLimit}
	_, err = c.WriteTo(b, from, &net.IPAddr{IP: allNodes.AsSlice(), Zone: ifi.Name})
	return err
}

// neighbours returns the socket of an interface, a new one when the name
// stands for another interface than before.
func (a *announcer) neighbours(ifi net.Interface) (*ipv6.PacketConn, error) {
	if c, open := a.nas[ifi.Name]; open {
		if c.index == ifi.Index {
			return c.conn, nil
		}
		c.conn.Close()
		delete(a.nas, ifi.Name)
	}
	conn, err := listenNeighbours(ifi)
	if err != nil {
		return nil, err
	}
	a.nas[ifi.Name] = neighbourConn{conn, ifi.Index}
	return conn, nil
}

// listenNeighbours opens a socket that sends neighbour advertisements and
// receives nothing.
func listenNeighbours(ifi net.Interface) (*ipv6.PacketConn, error) {
	cfg := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) { set = unix.BindToDevice(int(fd), ifi.Name) })
		return errors.Join(err, set)
	}}
	conn, err := cfg.ListenPacket(context.Background(), "ip6:ipv6-icmp", "::")
	if err != nil {
		return nil, fmt.Errorf("open ICMPv6 socket on %s: %w", ifi.Name, err)
	}
	pc := ipv6.NewPacketConn(conn)
	var none ipv6.ICMPFilter
	none.SetAll(true)
	if err := errors.Join(pc.SetICMPFilter(&none), pc.SetMulticastLoopback(false)); err != nil {
		pc.Close()
		return nil, fmt.Errorf("set up ICMPv6 socket on %s: %w", ifi.Name, err)
	}
	return pc, nil
}

// forwards reports whether the host forwards IPv6 packets from an interface.
func forwards(iface string) bool {
	b, err := os.ReadFile(filepath.Join("/proc/sys/net/ipv6/conf", iface, "forwarding"))
	return err == nil && !bytes.Equal(bytes.TrimSpace(b), []byte("0"))
}
