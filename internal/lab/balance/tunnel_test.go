package balance

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// encapsulation is one way through a tunnel. Each has a port of its own.
type encapsulation struct {
	name     string
	settings string // of the tunnel
	vip      string
	reals    [2]string
	outer    string // what the real servers must see around the packets
}

var (
	outer4 = [2]string{"192.0.2.11", "192.0.2.12"}
	// Here the real servers have devices that expect checksums: others drop
	// what has one (ip_tunnel_rcv).
	summed = [2]string{"192.0.2.21", "192.0.2.22"}
	outer6 = [2]string{"[2001:db8:1::11]", "[2001:db8:1::12]"}
)

// encapsulations are all that the kernel offers, and services of one family
// before real servers of the other.
var encapsulations = []encapsulation{
	{"ipip", `type = "ipip"`, vip4, outer4, "ipv4 protocol 4"},
	{"gue", "type = \"gue\"\nport = 6080", vip4, outer4, "ipv4 udp 6080"},
	{"gue checksum", "type = \"gue\"\nport = 6080\nchecksum = \"full\"", vip4, outer4, "ipv4 udp 6080"},
	{"gue remote checksum", "type = \"gue\"\nport = 6080\nchecksum = \"remote\"", vip4, outer4, "ipv4 udp 6080"},
	{"gre", `type = "gre"`, vip4, outer4, "ipv4 protocol 47"},
	{"gre checksum", "type = \"gre\"\nchecksum = \"full\"", vip4, summed, "ipv4 protocol 47"},
	{"ipip IPv6", `type = "ipip"`, vip6, outer6, "ipv6 protocol 41"},
	{"gue IPv6", "type = \"gue\"\nport = 6080", vip6, outer6, "ipv6 udp 6080"},
	{"gre IPv6", `type = "gre"`, vip6, outer6, "ipv6 protocol 47"},
	{"IPv4 in IPv6", `type = "ipip"`, vip4, outer6, "ipv6 protocol 4"},
	{"IPv6 in IPv4", `type = "ipip"`, vip6, outer4, "ipv4 protocol 41"},
	{"IPv4 in gre IPv6", `type = "gre"`, vip4, outer6, "ipv6 protocol 47"},
	{"IPv6 in gre", `type = "gre"`, vip6, outer4, "ipv4 protocol 47"},
	{"IPv4 in gue IPv6", "type = \"gue\"\nport = 6080", vip4, outer6, "ipv6 udp 6080"},
	{"IPv6 in gue", "type = \"gue\"\nport = 6080", vip6, outer4, "ipv4 udp 6080"},
}

const (
	vip4 = "192.0.2.100"
	vip6 = "[2001:db8:1::100]"

	firstTunnelPort = 8001
)

// testTunnels: every encapsulation carries connections, and is the one that was
// asked for.
func testTunnels(t *testing.T) {
	lab.Need(t, lab.Module("fou"), lab.Module("fou6"), lab.Module("ip_gre"), lab.Module("ip6_gre"), lab.Module("sit"))
	n := newNetwork(t, "tunnel", true)
	var b strings.Builder
	b.WriteString("version = 1\n")
	for i, e := range encapsulations {
		fmt.Fprintf(&b, "virtual_server \"s%d\" {\n address = \"%s:%d\"\n scheduler = \"rr\"\n forward = \"tunnel\"\n tunnel {\n%s\n}\n real_server \"%s\" {}\n real_server \"%s\" {}\n}\n",
			i, e.vip, firstTunnelPort+i, e.settings, e.reals[0], e.reals[1])
	}
	for i, rs := range n.reals {
		unwrap(t, rs, i)
		for i := range encapsulations {
			rs.WebServer(fmt.Sprintf(":%d", firstTunnelPort+i), "")
			rs.WebServer(fmt.Sprintf("[::]:%d", firstTunnelPort+i), "")
		}
	}
	n.lb.Vipd(b.String())
	for i, e := range encapsulations {
		service := fmt.Sprintf("%s:%d", e.vip, firstTunnelPort+i)
		seen := watchOuters(t, n.reals[0])
		lab.WaitFor(t, e.name+": both real servers answer", 15*time.Second, func() error {
			var all lab.Tally
			for range 4 {
				all = append(all, n.client.Fetch(service))
			}
			if lost := all.Lost(); len(lost) > 0 {
				return fmt.Errorf("%d of %d are lost: %w", len(lost), len(all), lost[0].Err)
			}
			if by := all.By(); len(by) != 2 {
				return fmt.Errorf("answered by %v", by)
			}
			return nil
		})
		if got := seen(); got[e.outer] == 0 {
			t.Errorf("%s: the real server saw %v, want %s", e.name, got, e.outer)
		}
	}
}

// unwrap makes a real server take packets out of every kind of tunnel.
func unwrap(t *testing.T, rs *lab.Host, i int) {
	t.Helper()
	rs.ServeDirect(vip4)
	rs.AddAddress("eth0", summed[i]+"/24")
	for _, line := range []string{
		"fou add port 6080 gue", "-6 fou add port 6080 gue", "link add gre1 type gre local " + summed[i] + " icsum",
		"link add ip6any type ip6tnl mode any local " + strings.Trim(outer6[i], "[]"), // ip6tnl0 takes IPv6 alone
	} {
		if out, err := rs.Run("ip", strings.Fields(line)...); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	for _, device := range []string{"tunl0", "ip6tnl0", "gre0", "ip6gre0", "sit0", "gre1", "ip6any"} {
		rs.LinkUp(device)
	}
}

// watchOuters counts the packets that come to a host by what carries them, from
// now until the returned function is called.
func watchOuters(t *testing.T, h *lab.Host) func() map[string]int {
	t.Helper()
	var conn *packet.Conn
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err == nil {
			conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	var reading sync.WaitGroup
	reading.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			seen[outer(b[:n])]++
		}
	})
	return func() map[string]int {
		conn.Close()
		reading.Wait()
		return seen
	}
}

// outer names what carries an Ethernet frame's packet.
func outer(frame []byte) string {
	const ethernet, ipv4, ipv6, ports = 14, 20, 40, 4
	if len(frame) < ethernet+ipv6+ports {
		return "short"
	}
	family, protocol, rest := "ipv4", frame[ethernet+9], frame[ethernet+ipv4:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_IP:
	case unix.ETH_P_IPV6:
		family, protocol, rest = "ipv6", frame[ethernet+6], frame[ethernet+ipv6:]
	default:
		return "other"
	}
	if protocol == unix.IPPROTO_UDP {
		return fmt.Sprintf("%s udp %d", family, binary.BigEndian.Uint16(rest[2:]))
	}
	return fmt.Sprintf("%s protocol %d", family, protocol)
}
