package vrrp_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// testKey is 00 01 … 1f.
var testKey = func() (k vrrp.Secret) {
	for i := range 32 {
		k = append(k, byte(i))
	}
	return k
}()

// signed makes a router use HMAC with testKey as number 1.
func signed(edit ...func(*vrrp.HMAC)) func(*vrrp.Config) {
	return func(c *vrrp.Config) {
		c.Auth.HMAC = &vrrp.HMAC{Keys: []vrrp.HMACKey{{ID: 1, Key: testKey}}, Active: 1, Window: 5 * time.Second}
		for _, e := range edit {
			e(c.Auth.HMAC)
		}
	}
}

func mode(m vrrp.HMACMode) func(*vrrp.HMAC) { return func(h *vrrp.HMAC) { h.Mode = m } }
func monotonic(h *vrrp.HMAC)                { h.Monotonic = true }

// signedAt is the instant of the vectors: 0x68000000 and a half.
var signedAt = time.Unix(0x68000000, int64(time.Second/2))

// Adverts as keepalived 2.4 signs them: vrid 51, priority 200, 1 s.
var (
	signedFour = unhex("3133c80100644402c0000264" + "010100006800000080000000" + "1b84bc4e8e43892dc6d98448f8ee2265")
	signedSix  = unhex("3133c8010064a2e9fe800000000000000000000000000100" + "010100006800000080000000" + "c8c56146ebfd66ee10ec4d8186461b78")
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// feedSigned gives a fresh router a packet when its wall clock shows wall, and
// returns the reason of the drop, "" for none.
func (g *rig) feedSigned(packet []byte, wall time.Time) vrrp.DropReason {
	g.t.Helper()
	g.step(&vrrp.Clock{Wall: wall})
	p := &vrrp.Received{
		Interface: "eth0", Family: vrrp.IPv4, Src: netip.MustParseAddr("198.51.100.10"), Dst: group, TTL: 255, Payload: packet,
	}
	if g.status().Family == "ipv6" {
		// The checksum is that of a packet to a peer.
		p.Family, p.Src, p.Dst = vrrp.IPv6, netip.MustParseAddr("fe80::10"), netip.MustParseAddr("fe80::20")
	}
	g.step(p)
	for _, a := range g.out.Actions {
		if d, ok := a.(*vrrp.Drop); ok {
			return d.Reason
		}
	}
	return ""
}

// TestKeepalived_HMACVectors: the adverts of keepalived are accepted; with any
// bit of them changed, the checksum's apart, they are not, and the checksum's
// own check finds those.
func TestKeepalived_HMACVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		packet []byte
		config vrrp.Config
	}{
		{"IPv4", signedFour, settings(signed(), priority(1))},
		{"IPv6", signedSix, settings(ipv6, addresses("fe80::100/64"), peers("fe80::10"), signed(), priority(1))},
	} {
		if why := newRig(t, tt.config).feedSigned(tt.packet, signedAt); why != "" {
			t.Errorf("%s: %q", tt.name, why)
		}
		for bit := range len(tt.packet) * 8 {
			bad := bytes.Clone(tt.packet)
			bad[bit/8] ^= 1 << (bit % 8)
			if why := newRig(t, tt.config).feedSigned(bad, signedAt); why == "" {
				t.Errorf("%s: accepted with bit %d of octet %d changed", tt.name, bit%8, bit/8)
			}
		}
	}
}

// TestKeepalived_HMACSigning: what we send is what keepalived sends, to the
// bit, on IPv4; on IPv6 the checksum covers the trailer.
func TestKeepalived_HMACSigning(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		source string
		want   []byte
		edit   []func(*vrrp.Config)
	}{
		{"IPv4", "198.51.100.10", signedFour, []func(*vrrp.Config){func(c *vrrp.Config) { c.Checksum = vrrp.ChecksumPlain }}},
		{"IPv6", "fe80::10", signedSix, []func(*vrrp.Config){ipv6, addresses("fe80::100/64"), peers("fe80::20")}},
	} {
		g := newRig(t, settings(append(tt.edit, priority(200), signed(), func(c *vrrp.Config) {
			c.Delivery.Source = netip.MustParseAddr(tt.source)
		})...))
		for g.status().State != vrrp.StateMaster {
			g.step(&vrrp.Clock{Wall: signedAt.Add(g.now - g.out.Next.Sub(epoch))})
			g.tick()
		}
		if got := g.out.Actions[0].(*vrrp.SendAdvert).Payload; !bytes.Equal(got, tt.want) {
			t.Errorf("%s:\n got %x\nwant %x", tt.name, got, tt.want)
		}
	}
}

// TestHMACModes: which adverts are accepted and which are signed.
func TestHMACModes(t *testing.T) {
	t.Parallel()
	bare, wrong := signedFour[:12], bytes.Clone(signedFour)
	wrong[39] ^= 1
	for _, tt := range []struct {
		mode  vrrp.HMACMode
		bare  vrrp.DropReason
		signs bool
	}{
		{vrrp.HMACEnforce, vrrp.DropAuthMissing, true},
		{vrrp.HMACPermissive, "", true},
		{vrrp.HMACReceiveOnly, "", false},
	} {
		c := settings(signed(mode(tt.mode)), priority(1))
		if why := newRig(t, c).feedSigned(bare, signedAt); why != tt.bare {
			t.Errorf("mode %v, no trailer: %q, want %q", tt.mode, why, tt.bare)
		}
		if why := newRig(t, c).feedSigned(signedFour, signedAt); why != "" {
			t.Errorf("mode %v, good trailer: %q", tt.mode, why)
		}
		if why := newRig(t, c).feedSigned(wrong, signedAt); why != vrrp.DropAuthFailed {
			t.Errorf("mode %v, bad trailer: %q", tt.mode, why)
		}
		g := newMaster(t, c)
		g.wait(time.Second)
		if got := len(g.out.Actions[0].(*vrrp.SendAdvert).Payload) == 12+28; got != tt.signs {
			t.Errorf("mode %v signs: %v", tt.mode, got)
		}
	}
	// A router without keys ignores what follows the message.
	if why := newRig(t, settings(priority(1))).feedSigned(signedFour, signedAt); why != "" {
		t.Errorf("without keys: %q", why)
	}
}

// TestHMACReplay: an advert counts once; time mode bounds its age and forgets
// senders whose clock was wrong, numbers alone never do.
func TestHMACReplay(t *testing.T) {
	t.Parallel()
	type feed struct {
		at   time.Duration // of the wall clock, after the advert was signed
		want vrrp.DropReason
	}
	for _, tt := range []struct {
		name  string
		edit  []func(*vrrp.HMAC)
		feeds []feed
	}{
		{"at once", nil, []feed{{0, ""}, {0, vrrp.DropReplay}, {time.Second, vrrp.DropReplay}}},
		{"too old", nil, []feed{{6 * time.Second, vrrp.DropAuthStale}}},
		{"just in time", nil, []feed{{5 * time.Second, ""}}},
		{"from the future", nil, []feed{{-6 * time.Second, vrrp.DropAuthStale}, {-4 * time.Second, ""}}},
		{"numbers are not times", []func(*vrrp.HMAC){monotonic}, []feed{{time.Hour, ""}, {time.Hour, vrrp.DropReplay}}},
	} {
		g := newRig(t, settings(signed(tt.edit...), priority(1)))
		for i, f := range tt.feeds {
			if why := g.feedSigned(signedFour, signedAt.Add(f.at)); why != f.want {
				t.Errorf("%s, advert %d: %q, want %q", tt.name, i+1, why, f.want)
			}
		}
	}
}

// TestHMACSequence: numbers follow the clock, never repeat, and follow a clock
// that was set back by more than the window only when they are times.
func TestHMACSequence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		edit     func(*vrrp.HMAC)
		back     time.Duration
		goesBack bool
	}{
		{"a little", func(*vrrp.HMAC) {}, 3 * time.Second, false},
		{"far", func(*vrrp.HMAC) {}, time.Hour, true},
		{"far, numbers only", monotonic, time.Hour, false},
	} {
		g := newMaster(t, settings(signed(tt.edit)))
		number := func() uint64 {
			g.wait(time.Second)
			p := g.out.Actions[0].(*vrrp.SendAdvert).Payload
			var n uint64
			for _, b := range p[16:24] {
				n = n<<8 | uint64(b)
			}
			return n
		}
		first, second := number(), number()
		if second <= first {
			t.Errorf("%s: %x after %x", tt.name, second, first)
		}
		g.step(&vrrp.Clock{Wall: epoch.Add(g.now - tt.back)})
		if third := number(); (third < second) != tt.goesBack {
			t.Errorf("%s: %x after %x", tt.name, third, second)
		}
	}
}

// TestHMACBothResignationsCount: priority 0 is sent twice, and a peer that
// missed the first must not take the second for a repetition.
func TestHMACBothResignationsCount(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(signed()))
	g.step(&vrrp.Stop{})
	b := newRig(t, settings(signed(), priority(50)))
	link := linkUp("eth0")
	link.Primary = lower
	b.step(link)
	b.sleep(g.now)
	for _, a := range g.out.Actions {
		if s, ok := a.(*vrrp.SendAdvert); ok {
			b.step(&vrrp.Received{Interface: "eth0", Family: vrrp.IPv4, Src: s.Src, Dst: s.Dst, TTL: 255, Payload: s.Payload})
		}
	}
	if dropped := b.status().Counters.Dropped; dropped[vrrp.DropNotMaster] != 2 || len(dropped) != 1 {
		t.Errorf("dropped %v, want both for no better reason than that nobody was master", dropped)
	}
}

// TestHMACSenders: four senders are told apart, the least recent is forgotten.
func TestHMACSenders(t *testing.T) {
	t.Parallel()
	b := newRig(t, settings(signed(), priority(1)))
	packet := func(n byte) *vrrp.Received {
		src := netip.AddrFrom4([4]byte{192, 0, 2, 100 + n})
		g := &rig{t: t, e: vrrp.NewEngine()}
		link := linkUp("eth0")
		link.Primary = src
		g.step(link)
		g.step(configure(settings(signed())))
		for g.status().State != vrrp.StateMaster {
			g.tick()
		}
		return &vrrp.Received{
			Interface: "eth0", Family: vrrp.IPv4, Src: src, Dst: group, TTL: 255,
			Payload: g.out.Actions[0].(*vrrp.SendAdvert).Payload,
		}
	}
	var all []*vrrp.Received
	for n := range byte(5) {
		all = append(all, packet(n))
	}
	b.sleep(4 * time.Second)
	replayed := func(p *vrrp.Received) bool {
		before := b.status().Counters.Dropped[vrrp.DropReplay]
		b.step(p)
		return b.status().Counters.Dropped[vrrp.DropReplay] > before
	}
	for i, p := range all[:4] {
		if replayed(p) {
			t.Errorf("sender %d: the first advert is taken for a repetition", i)
		}
	}
	if !replayed(all[0]) {
		t.Error("the first of four senders was forgotten")
	}
	replayed(all[4])
	if replayed(all[0]) {
		t.Error("the least recent of five senders was not forgotten")
	}
}
