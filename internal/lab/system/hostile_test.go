package system

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// hostilePerSecond and hostileFor are the flood.
const (
	hostilePerSecond = 10_000
	hostileFor       = 4 * time.Second
)

// hostile are packets with our VRID that must not impress anyone, as IPv4
// packets from a host: everything that keepalived stumbles over, and more.
func hostile(src netip.Addr) (packets [][]byte) {
	dst := netip.MustParseAddr("224.0.0.18")
	path := vrrp.Path{Family: vrrp.IPv4, Src: src, Dst: dst}
	message := func(edit func(*vrrp.Advert)) []byte {
		a := vrrp.Advert{
			Version: 3, VRID: 51, Priority: 254, Interval: 100 * time.Millisecond,
			List: vrrp.AppendList(nil, []netip.Prefix{netip.MustParsePrefix("192.0.2.100/24")}),
		}
		edit(&a)
		return vrrp.Encode(nil, &a, path, vrrp.ChecksumPseudo)
	}
	same := func(*vrrp.Advert) {}
	bad := message(same)
	bad[6] ^= 1
	carp := append([]byte{0x21, 51, 0, 7}, make([]byte, 32)...)
	return [][]byte{
		ipv4Packet(path, 255, 112, bad),
		ipv4Packet(path, 254, 112, message(same)),
		ipv4Packet(path, 255, 112, message(same)[:10]),
		ipv4Packet(path, 255, 112, message(func(a *vrrp.Advert) { a.Interval = 0 })),
		ipv4Packet(path, 255, 112, message(func(a *vrrp.Advert) { a.Version, a.Interval = 2, time.Second })),
		ipv4Packet(path, 255, 112, message(func(a *vrrp.Advert) { a.List = nil })),
		ipv4Packet(path, 255, 112, message(func(a *vrrp.Advert) { a.List = []byte{203, 0, 113, 9} })),
		ipv4Packet(path, 255, 112, message(func(a *vrrp.Advert) { a.VRID = 52 })),
		ipv4Packet(path, 255, 112, carp),
		ipv4Packet(path, 255, 51, append(make([]byte, 24), message(same)...)),
	}
}

// ipv4Packet puts an IPv4 header before a payload.
func ipv4Packet(p vrrp.Path, ttl, proto byte, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, ttl, proto
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	copy(b[12:], p.Src.AsSlice())
	copy(b[16:], p.Dst.AsSlice())
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return append(b, payload...)
}

// flood sends the packets in turn from a host, and returns how many there were.
func flood(t *testing.T, from *lab.Host, packets [][]byte) (sent int) {
	t.Helper()
	var conn *packet.Conn
	err := from.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err = packet.Listen(ifi, packet.Datagram, unix.ETH_P_IP, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to := &packet.Addr{HardwareAddr: net.HardwareAddr{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}}
	began := time.Now()
	for time.Since(began) < hostileFor {
		for due := int(time.Since(began).Seconds() * hostilePerSecond); sent < due; sent++ {
			if _, err := conn.WriteTo(packets[sent%len(packets)], to); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return sent
}

// Ten thousand hostile packets a second: the master stays master, no advert
// is missing, and each cause has one line in the log. (keepalived stops to
// advertise after one bad packet per half second.)
func TestKeepalived_Q3_HostileFlood(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root)
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	ours, attacker := l.Host("vipd", "lan", "192.0.2.1/24"), l.Host("attacker", "lan", "192.0.2.66/24")
	wire := l.Host("witness", "lan", "192.0.2.3/24").Capture("eth0")
	v := ours.Vipd(`version = 1
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  advert_interval = "100ms"
  virtual_address = ["192.0.2.100/24"]
}
`)
	instance := func() (in api.Instance) {
		lab.WaitFor(t, "vipd is master", 20*time.Second, func() error {
			var st api.Status
			if err := v.Status(&st); err != nil {
				return err
			}
			if len(st.Instances) != 1 || st.Instances[0].State != vrrp.StateMaster {
				return fmt.Errorf("it is %+v", st.Instances)
			}
			in = st.Instances[0]
			return nil
		})
		return in
	}
	before := instance()
	packets := hostile(netip.MustParseAddr("192.0.2.66"))
	began := time.Now()
	sent := flood(t, attacker, packets)
	ended := time.Now()

	after := instance()
	if after.Counters.BecameMaster != before.Counters.BecameMaster || after.Since != before.Since {
		t.Error("vipd changed its state")
	}
	var counted uint64
	for _, n := range after.Counters.Dropped {
		counted += n
	}
	// One kind in ten is for another VRID, one in ten no packet of protocol 112.
	if least := uint64(sent) / 2; counted < least {
		t.Errorf("%d packets counted of %d sent", counted, sent)
	}
	var largest time.Duration
	last := began
	for _, a := range wire.Adverts(ours, began) {
		if a.At.After(ended) {
			break
		}
		largest, last = max(largest, a.At.Sub(last)), a.At
	}
	largest = max(largest, ended.Sub(last))
	t.Logf("%d packets sent, %d counted, largest gap between adverts %v", sent, counted, largest)
	// A backup would take over after more than three intervals.
	if largest > 300*time.Millisecond {
		t.Errorf("no advert for %v", largest)
	}
	lines := make(map[string]int)
	for _, line := range strings.Split(v.Log(), "\n") {
		if _, rest, found := strings.Cut(line, "rejected an advert"); found {
			what, _, _ := strings.Cut(rest, `"`)
			lines[what]++
		}
	}
	for what, n := range lines {
		if n > 1 {
			t.Errorf("%d lines about %s", n, what)
		}
	}
	if len(lines) < 6 {
		t.Errorf("lines about %d causes only: %v", len(lines), lines)
	}
}
