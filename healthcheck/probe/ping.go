package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/vipd/vipd/healthcheck"
)

// preparePing prepares an ICMP echo check (RFC 792, RFC 4443 section 4): one
// request, one reply with its identifier and its random payload. A lost
// packet is a failure; the fall count is what forgives it.
func preparePing(healthcheck.Settings, Options) (check, error) { return ping, nil }

// echoFamily is what differs between IPv4 and IPv6.
type echoFamily struct {
	datagram, any  string // network and address for icmp.ListenPacket
	raw            string // network for net.Dialer.DialIP
	protocol       int    // IANA number
	request, reply icmp.Type
}

var (
	echo4 = echoFamily{"udp4", "0.0.0.0", "ip4:icmp", 1, ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply}
	echo6 = echoFamily{"udp6", "::", "ip6:ipv6-icmp", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply}
)

// echoSocket sends to and receives from one address, ICMP header first.
type echoSocket interface {
	deadliner
	send(packet []byte) error
	receive(buf []byte) (n int, from netip.Addr, err error)
	Close() error
}

func ping(ctx context.Context, a *attempt) (string, error) {
	defer a.enter(phaseEcho, &a.result.First)()
	target := a.key.Target.Addr().Unmap()
	family := echo6
	if target.Is4() {
		family = echo4
	}
	socket, keepsID, err := openEcho(ctx, family, target, a.key.Settings.Network)
	if err != nil {
		return "", err
	}
	defer socket.Close()
	defer limit(ctx, socket)()
	sent := newEcho()
	packet, err := (&icmp.Message{Type: family.request, Body: sent}).Marshal(nil)
	if err != nil {
		return "", internal(fmt.Errorf("write echo request: %w", err))
	}
	if err := socket.send(packet); err != nil {
		return "", err
	}
	return "echo reply", await(socket, family, target, sent, keepsID)
}

// newEcho returns an echo request with random identifier and payload, 64
// bytes with its header like that of ping(8).
func newEcho() *icmp.Echo {
	data := make([]byte, 58)
	rand.Read(data) // never fails (crypto/rand)
	return &icmp.Echo{ID: int(binary.BigEndian.Uint16(data)), Seq: 1, Data: data[2:]}
}

// await reads until the reply to sent arrives. A raw socket sees every ICMP
// packet of the target and needs the identifier; on a datagram socket the
// kernel chooses the identifier and sorts by it.
func await(s echoSocket, f echoFamily, target netip.Addr, sent *icmp.Echo, keepsID bool) error {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.receive(buf)
		if err != nil {
			return err
		}
		if from.WithZone("") != target.WithZone("") {
			continue
		}
		m, err := icmp.ParseMessage(f.protocol, buf[:n])
		if err != nil || m.Type != f.reply {
			continue
		}
		got, ok := m.Body.(*icmp.Echo)
		if ok && got.Seq == sent.Seq && (got.ID == sent.ID || !keepsID) && bytes.Equal(got.Data, sent.Data) {
			return nil
		}
	}
}

// openEcho opens a datagram ICMP socket, which needs no privilege where
// net.ipv4.ping_group_range allows it, or else a raw one (CAP_NET_RAW). An
// interface or a mark takes a raw one in any case: setting them needs the same
// privilege, and the library does not give access to the other.
func openEcho(ctx context.Context, f echoFamily, target netip.Addr, n healthcheck.Network) (s echoSocket, keepsID bool, err error) {
	source := localAddress(n, netip.AddrPortFrom(target, 0)).Addr()
	if control(n) == nil {
		local := f.any
		if n.Source.IsValid() {
			local = source.String()
		}
		if datagram, err := icmp.ListenPacket(f.datagram, local); err == nil {
			return datagramEcho{datagram, &net.UDPAddr{IP: target.AsSlice(), Zone: target.Zone()}}, false, nil
		}
	}
	// Connected, so that the kernel hands over packets of this target only:
	// else every probe under way would read the replies to all others.
	d := net.Dialer{Control: control(n)}
	raw, err := d.DialIP(ctx, f.raw, source, target)
	var call *os.SyscallError
	if errors.As(err, &call) && call.Syscall == "socket" && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)) {
		return nil, false, &failure{healthcheck.ClassInternal,
			"ping needs net.ipv4.ping_group_range to include our group, or CAP_NET_RAW"}
	}
	if err != nil {
		return nil, false, err
	}
	return rawEcho{raw}, true, nil
}

// datagramEcho is an unprivileged ICMP socket.
type datagramEcho struct {
	*icmp.PacketConn
	to net.Addr
}

func (s datagramEcho) send(packet []byte) error {
	_, err := s.WriteTo(packet, s.to)
	return err
}

func (s datagramEcho) receive(buf []byte) (int, netip.Addr, error) {
	n, from, err := s.ReadFrom(buf)
	if udp, ok := from.(*net.UDPAddr); ok {
		return n, udp.AddrPort().Addr().Unmap(), err
	}
	return n, netip.Addr{}, err
}

// rawEcho is a connected raw ICMP socket.
type rawEcho struct{ *net.IPConn }

func (s rawEcho) send(packet []byte) error {
	_, err := s.Write(packet)
	return err
}

func (s rawEcho) receive(buf []byte) (int, netip.Addr, error) {
	n, from, err := s.ReadFromIP(buf)
	if err != nil {
		return 0, netip.Addr{}, err
	}
	addr, _ := netip.AddrFromSlice(from.IP)
	return n, addr.Unmap(), nil
}
