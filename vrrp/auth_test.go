package vrrp_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

func password(key string) func(*vrrp.Config) {
	return func(c *vrrp.Config) {
		c.Version, c.Auth = 2, vrrp.Auth{Type: vrrp.AuthPassword, Key: vrrp.Secret(key)}
	}
}

func authHeader(key string) func(*vrrp.Config) {
	return func(c *vrrp.Config) {
		c.Version, c.Auth = 2, vrrp.Auth{Type: vrrp.AuthHeader, Key: vrrp.Secret(key)}
	}
}

// authenticated is a packet of testdata/vectors/authenticated.jsonl.
type authenticated struct {
	Name, Packet, Key, Verdict string
	Priority                   uint8
}

func readAuthenticated(t *testing.T) (all []authenticated) {
	t.Helper()
	f, err := os.Open("../testdata/vectors/authenticated.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v authenticated
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if len(all) < 30 {
		t.Fatalf("%d packets only", len(all))
	}
	return all
}

// whole makes the event of an IPv4 packet without options.
func whole(ip []byte) *vrrp.Received {
	return &vrrp.Received{
		Interface: "eth0", Family: vrrp.IPv4, TTL: ip[8], AH: ip[9] == 51, Header: ip[:20],
		Src: netip.AddrFrom4([4]byte(ip[12:])), Dst: netip.AddrFrom4([4]byte(ip[16:])),
		Payload: ip[20:binary.BigEndian.Uint16(ip[2:])],
	}
}

func (v *authenticated) config() vrrp.Config {
	if strings.HasPrefix(v.Name, "v2_ah") || strings.HasPrefix(v.Name, "v2ah") {
		return settings(authHeader(v.Key), priority(1))
	}
	return settings(password(v.Key), priority(1))
}

// TestKeepalived_Q9_Q10_Authenticated: keepalived's authenticated adverts are
// accepted with the right key and rejected with another, crafted ones are
// what keepalived finds them to be.
func TestKeepalived_Q9_Q10_Authenticated(t *testing.T) {
	t.Parallel()
	elsewhere := netip.MustParseAddr("192.0.2.99")
	for _, v := range readAuthenticated(t) {
		ip, err := hex.DecodeString(v.Packet)
		if err != nil {
			t.Fatal(err)
		}
		verdict := func(c vrrp.Config, times int) string {
			g := &rig{t: t, e: vrrp.NewEngine()}
			link := linkUp("eth0")
			link.Primary = elsewhere
			g.step(link)
			g.step(configure(c))
			// So that a priority 0 comes from the master.
			for range times {
				g.step(whole(ip))
			}
			for _, a := range g.out.Actions {
				if d, ok := a.(*vrrp.Drop); ok {
					return string(d.Reason)
				}
			}
			return "accept"
		}
		want, times := v.Verdict, 1
		switch {
		case v.Verdict == "auth_replay":
			times = 2
		case v.Verdict == "" && v.Priority == 0:
			want = string(vrrp.DropNotMaster) // authentic, but nobody was master
		case v.Verdict == "":
			want = "accept"
		}
		if got := verdict(v.config(), times); got != want {
			t.Errorf("%s: %q, want %q", v.Name, got, want)
		}
		if v.Verdict != "" {
			continue
		}
		wrong := v
		wrong.Key = "other"
		if got := verdict(wrong.config(), 1); got != string(vrrp.DropAuthFailed) {
			t.Errorf("%s, wrong key: %q", v.Name, got)
		}
		if got := verdict(settings(version2), 1); got != string(vrrp.DropAuthType) {
			t.Errorf("%s, no authentication: %q", v.Name, got)
		}
	}
}

// TestKeepalived_Q9_HeaderByteIdentical: for the same sequence number our
// packet is keepalived's, but for the checksum that the kernel fills in.
func TestKeepalived_Q9_HeaderByteIdentical(t *testing.T) {
	t.Parallel()
	for _, v := range readAuthenticated(t) {
		want, _ := hex.DecodeString(v.Packet)
		if !strings.HasPrefix(v.Name, "v2_ah") || v.Priority == 0 {
			continue
		}
		seq := binary.BigEndian.Uint32(want[28:])
		if binary.BigEndian.Uint16(want[4:]) != uint16(seq) {
			continue // sent by a router that had heard others
		}
		c := settings(authHeader(v.Key), priority(v.Priority))
		g := &rig{t: t, e: vrrp.NewEngine()}
		link := linkUp("eth0")
		link.Primary = netip.AddrFrom4([4]byte(want[12:]))
		g.step(link)
		g.step(configure(c))
		for g.status().State != vrrp.StateMaster {
			// The clock begins so that the first number is the wanted one.
			g.step(&vrrp.Clock{Wall: time.Unix(int64(seq), 0).Add(g.now - g.out.Next.Sub(epoch))})
			g.tick()
		}
		a := g.out.Actions[0].(*vrrp.SendAdvert)
		got := append([]byte{}, a.Payload...)
		copy(got[10:12], want[10:12])
		if !a.AH || fmt.Sprintf("%x", got) != v.Packet {
			t.Errorf("%s:\n got %x\nwant %s", v.Name, got, v.Packet)
		}
	}
}

// TestKeepalived_Q10_PasswordByteIdentical: the same for passwords.
func TestKeepalived_Q10_PasswordByteIdentical(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, v := range readAuthenticated(t) {
		want, _ := hex.DecodeString(v.Packet)
		if !strings.HasPrefix(v.Name, "v2_pass") || v.Priority == 0 {
			continue
		}
		g := newMaster(t, settings(password(v.Key), priority(v.Priority)))
		g.wait(time.Second)
		if got := g.out.Actions[0].(*vrrp.SendAdvert).Payload; string(got) != string(want[20:]) {
			t.Errorf("%s:\n got %x\nwant %x", v.Name, got, want[20:])
		}
		compared++
	}
	if compared < 3 {
		t.Errorf("%d adverts compared", compared)
	}
}

// TestKeepalived_Q9_SequenceIsShared: a new master goes on from the highest
// number heard, so that nobody takes its adverts for repetitions; after a
// restart the clock is above what was sent before.
func TestKeepalived_Q9_SequenceIsShared(t *testing.T) {
	t.Parallel()
	sequence := func(g *rig) uint32 {
		for _, a := range g.out.Actions {
			if s, ok := a.(*vrrp.SendAdvert); ok {
				return binary.BigEndian.Uint32(s.Payload[28:])
			}
		}
		t.Fatal("no advert was sent")
		return 0
	}
	g := newMaster(t, settings(authHeader("k"), priority(150)))
	g.wait(time.Second)
	heard := g.out.Actions[0].(*vrrp.SendAdvert).Payload
	first := sequence(g)
	if first < uint32(epoch.Unix()) {
		t.Errorf("began with %d, below the clock", first)
	}
	heard = append([]byte{}, heard...)

	b := &rig{t: t, e: vrrp.NewEngine()}
	link := linkUp("eth0")
	link.Primary = lower
	b.step(link)
	b.step(configure(settings(authHeader("k"))))
	b.step(&vrrp.Clock{Wall: time.Unix(1, 0)}) // its clock is far behind
	b.step(whole(heard))
	b.step(whole(heard))
	if n := b.status().Counters.Dropped[vrrp.DropReplay]; n != 1 {
		t.Errorf("%d repetitions found", n)
	}
	for b.status().State != vrrp.StateMaster {
		b.tick()
	}
	if got := sequence(b); got != first+1 {
		t.Errorf("went on with %d after %d", got, first)
	}
}

// TestTwoMastersCountAlike: two masters that began in the same second send the
// same numbers. They hear each other nevertheless, once with each number.
func TestTwoMastersCountAlike(t *testing.T) {
	t.Parallel()
	g := newMaster(t, settings(authHeader("k")))
	other := &rig{t: t, e: vrrp.NewEngine()}
	link := linkUp("eth0")
	link.Primary = higher
	other.step(link)
	other.step(configure(settings(authHeader("k"))))
	other.wait(g.now)
	heard := append([]byte{}, other.out.Actions[0].(*vrrp.SendAdvert).Payload...)
	g.step(whole(heard))
	if s := g.status(); s.State != vrrp.StateBackup || s.LastReason != vrrp.ReasonTieBreak {
		t.Errorf("%s because of %s, want backup by the higher address", s.State, s.LastReason)
	}
	g.step(whole(heard))
	if n := g.status().Counters.Dropped[vrrp.DropReplay]; n != 1 {
		t.Errorf("%d repetitions found", n)
	}
}

// TestSecretsAreNotPrinted: whatever the verb, also inside of structures.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	c := settings(password("hunter22"))
	c.Auth.HMAC = &vrrp.HMAC{Keys: []vrrp.HMACKey{{ID: 1, Key: vrrp.Secret("hunter22")}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{c, c.Auth, *c.Auth.HMAC, c.Auth.Key} {
			out := fmt.Sprintf(verb, value)
			if strings.Contains(out, "hunter22") || strings.Contains(out, hex.EncodeToString([]byte("hunter22"))) || strings.Contains(out, "104 117") {
				t.Errorf("%s prints %s", verb, out)
			}
		}
	}
}
