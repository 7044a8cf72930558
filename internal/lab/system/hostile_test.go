package system

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
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
	return append(withSum(b), payload...)
}

// withSum puts the checksum of an IPv4 header into it.
func withSum(b []byte) []byte {
	b[10], b[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return b
}

// longestSilence is the longest time between two adverts.
func longestSilence(adverts []lab.Advert, from, to time.Time) (longest time.Duration) {
	last := from
	for _, a := range adverts {
		if a.At.After(to) {
			break
		}
		longest, last = max(longest, a.At.Sub(last)), a.At
	}
	return max(longest, to.Sub(last))
}

// packetsOf sends and receives packets of a protocol without their Ethernet header.
func packetsOf(t *testing.T, h *lab.Host, protocol int) (conn *packet.Conn) {
	t.Helper()
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err = packet.Listen(ifi, packet.Datagram, protocol, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// flood sends the packets in turn from a host, and returns how many there were.
func (a assault) flood(t *testing.T, from *lab.Host) (sent int) {
	t.Helper()
	conn := packetsOf(t, from, a.protocol)
	to := &packet.Addr{HardwareAddr: a.group}
	began := time.Now()
	for time.Since(began) < hostileFor {
		for due := int(time.Since(began).Seconds() * hostilePerSecond); sent < due; sent++ {
			if _, err := conn.WriteTo(a.packets[sent%len(a.packets)], to); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return sent
}

// hostileSix are those of IPv6, which has neither version 2 nor authentication
// headers.
func hostileSix(src netip.Addr) (packets [][]byte) {
	path := vrrp.Path{Family: vrrp.IPv6, Src: src, Dst: vrrp.GroupIPv6}
	message := func(edit func(*vrrp.Advert)) []byte {
		a := vrrp.Advert{
			Version: 3, VRID: 51, Priority: 254, Interval: 100 * time.Millisecond,
			List: vrrp.AppendList(nil, []netip.Prefix{netip.MustParsePrefix("fe80::100/64")}),
		}
		edit(&a)
		return vrrp.Encode(nil, &a, path, vrrp.ChecksumPseudo)
	}
	same := func(*vrrp.Advert) {}
	bad := message(same)
	bad[6] ^= 1
	return [][]byte{
		ipv6Packet(path, 255, bad),
		ipv6Packet(path, 254, message(same)),
		ipv6Packet(path, 255, message(same)[:10]),
		ipv6Packet(path, 255, message(func(a *vrrp.Advert) { a.Interval = 0 })),
		ipv6Packet(path, 255, message(func(a *vrrp.Advert) { a.List = nil })),
		ipv6Packet(path, 255, message(func(a *vrrp.Advert) {
			a.List = vrrp.AppendList(nil, []netip.Prefix{netip.MustParsePrefix("2001:db8::9/64")})
		})),
		ipv6Packet(path, 255, append([]byte{0x21}, message(same)[1:]...)),
		ipv6Packet(path, 255, message(func(a *vrrp.Advert) { a.VRID = 52 })),
	}
}

// ipv6Packet puts an IPv6 header before an advert.
func ipv6Packet(p vrrp.Path, hopLimit byte, payload []byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7] = 0x60, 112, hopLimit
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	copy(b[8:], p.Src.AsSlice())
	copy(b[24:], p.Dst.AsSlice())
	return append(b, payload...)
}

// hostileAH are those of a router of version 2 that authenticates: what its
// peers sent long ago, damaged and whole, and what lacks the header.
func hostileAH(t *testing.T) (packets [][]byte) {
	t.Helper()
	// Adverts of keepalived with the key, from testdata/vectors.
	const old = "45c0004000010000ff3318b5c0000202e000001270040000c000020200000001423cf2d5de4205b3d6391c6d213364010201b665c00002640000000000000000"
	replayed, err := hex.DecodeString(old)
	if err != nil {
		t.Fatal(err)
	}
	forged, truncated := bytes.Clone(replayed), bytes.Clone(replayed[:50])
	forged[40] ^= 1
	truncated[3] = byte(len(truncated))
	src := netip.MustParseAddr("192.0.2.66")
	path := vrrp.Path{Family: vrrp.IPv4, Src: src, Dst: vrrp.GroupIPv4}
	plain := func(version uint8, interval time.Duration) []byte {
		return ipv4Packet(path, 255, 112, vrrp.Encode(nil, &vrrp.Advert{
			Version: version, VRID: 51, Priority: 254, Interval: interval,
			List: vrrp.AppendList(nil, []netip.Prefix{netip.MustParsePrefix("192.0.2.100/24")}),
		}, path, vrrp.ChecksumPseudo))
	}
	return [][]byte{replayed, forged, withSum(truncated), plain(2, time.Second), plain(2, 2*time.Second), plain(3, time.Second)}
}

// groupMAC is the Ethernet address of 224.0.0.18 (RFC 1112 §6.4).
var groupMAC = net.HardwareAddr{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}

// assault is what an attacker sends to a family.
type assault struct {
	addresses string // virtual
	version   int
	interval  time.Duration
	auth      string
	protocol  int // of the link
	group     net.HardwareAddr
	packets   [][]byte
	causes    int // at least, in the log
}

// Ten thousand hostile packets a second: the master stays master, its backup
// backup, no advert is missing, and each cause has one line in the log.
// (keepalived stops to advertise after one bad packet per half second.)
func TestKeepalived_Q3_HostileFlood(t *testing.T) {
	for name, a := range map[string]assault{
		"IPv4": {`"192.0.2.100/24"`, 3, 100 * time.Millisecond, "", unix.ETH_P_IP, groupMAC, hostile(netip.MustParseAddr("192.0.2.66")), 6},
		"IPv6": {`"fe80::100/64"`, 3, 100 * time.Millisecond, "", unix.ETH_P_IPV6, net.HardwareAddr{0x33, 0x33, 0x00, 0x00, 0x00, 0x12}, hostileSix(netip.MustParseAddr("fe80::66")), 6},
		"AH":   {`"192.0.2.100/24"`, 2, time.Second, `auth "ah" { secret = "s3cr3t12" }`, unix.ETH_P_IP, groupMAC, hostileAH(t), 3},
	} {
		t.Run(name, func(t *testing.T) { a.storm(t) })
	}
}

// config is that of a director under attack.
func (a assault) config(priority int) string {
	return fmt.Sprintf(`version = 1
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = %d
  priority        = %d
  advert_interval = "%v"
  virtual_address = [%s]
  %s
}
`, a.version, priority, a.interval, a.addresses, a.auth)
}

// instanceIn waits until the only instance of a daemon is in a state.
func instanceIn(t *testing.T, v *lab.Vipd, want vrrp.State) (in api.Instance) {
	t.Helper()
	lab.WaitFor(t, fmt.Sprintf("vipd of %s is %v", v.Host.Name, want), settle, func() error {
		var st api.Status
		if err := v.Status(&st); err != nil {
			return err
		}
		if len(st.Instances) != 1 || st.Instances[0].State != want {
			return fmt.Errorf("it is %+v", st.Instances)
		}
		in = st.Instances[0]
		return nil
	})
	return in
}

func (a assault) storm(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root)
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	ours, second := l.Host("vipd", "lan", "192.0.2.1/24"), l.Host("second", "lan", "192.0.2.5/24")
	attacker := l.Host("attacker", "lan", "192.0.2.66/24")
	wire := l.Host("witness", "lan", "192.0.2.3/24").Capture("eth0")
	v := ours.Vipd(a.config(150))
	before := instanceIn(t, v, vrrp.StateMaster)
	backup := second.Vipd(a.config(50))
	beside := instanceIn(t, backup, vrrp.StateBackup)
	began := time.Now()
	sent := a.flood(t, attacker)
	ended := time.Now()

	if still := instanceIn(t, backup, vrrp.StateBackup); still.Counters.BecameMaster > 0 || still.Since != beside.Since {
		t.Errorf("the backup became master %d times", still.Counters.BecameMaster)
	}
	after := instanceIn(t, v, vrrp.StateMaster)
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
	if a.version == 3 && a.protocol == unix.ETH_P_IP { // which the witness hears
		lab.WaitFor(t, "the witness has read everything", 20*time.Second, func() error { return wire.Reaches(ended) })
		gap := longestSilence(wire.Adverts(ours, began), began, ended)
		t.Logf("largest gap between adverts %v", gap)
		// A backup would take over after more than three intervals.
		if gap > 300*time.Millisecond {
			t.Errorf("no advert for %v", gap)
		}
	}
	said, due := after.Counters.AdvertsSent-before.Counters.AdvertsSent, uint64(ended.Sub(began)/a.interval)
	t.Logf("%d packets sent, %d counted, %d adverts of %d, the latest %v late", sent, counted, said, due, after.Counters.LatenessMax)
	if said < min(due-1, due-due/12) {
		t.Errorf("%d adverts of %d", said, due)
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
	if len(lines) < a.causes {
		t.Errorf("lines about %d causes only: %v", len(lines), lines)
	}
}
