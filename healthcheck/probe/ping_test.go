package probe

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"github.com/vipd/vipd/healthcheck"
)

// needsPing skips where this process may not send echo requests at all.
func needsPing(t *testing.T) {
	t.Helper()
	s, _, err := openEcho(t.Context(), echo4, netip.MustParseAddr("127.0.0.1"), healthcheck.Network{})
	if err != nil {
		t.Skipf("no ICMP socket: %v", err)
	}
	s.Close()
}

func TestPing(t *testing.T) {
	needsPing(t)
	p := New(Options{})
	for _, target := range []string{"127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1"} {
		t.Run(target, func(t *testing.T) {
			k := keyOf(healthcheck.KindPing, netip.AddrPortFrom(netip.MustParseAddr(target), 0), nil)
			if r := expect(t, p, k, healthcheck.ClassOK, "echo reply"); r.First <= 0 || r.First > r.Duration {
				t.Errorf("phases of %+v", r)
			}
		})
	}
}

func TestPingIPv6(t *testing.T) {
	needsPing(t)
	if s, _, err := openEcho(t.Context(), echo6, netip.IPv6Loopback(), healthcheck.Network{}); err != nil {
		t.Skipf("no ICMPv6 socket: %v", err)
	} else {
		s.Close()
	}
	k := keyOf(healthcheck.KindPing, netip.AddrPortFrom(netip.IPv6Loopback(), 0), nil)
	expect(t, New(Options{}), k, healthcheck.ClassOK, "echo reply")
}

// TestPingTogether sends many at once: each must find its own reply among all.
func TestPingTogether(t *testing.T) {
	needsPing(t)
	p := New(Options{})
	k := keyOf(healthcheck.KindPing, netip.MustParseAddrPort("127.0.0.1:0"), nil)
	results := make(chan healthcheck.Result)
	for range 50 {
		go func() { results <- p.Run(t.Context(), k) }()
	}
	for range 50 {
		if r := <-results; r.Class != healthcheck.ClassOK {
			t.Errorf("result %s %q", r.Class, r.Reason)
		}
	}
}

// packet is something a fake socket receives.
type packet struct {
	from    string
	message icmp.Message
}

// fakeEcho is a socket that answers with prepared packets, then times out.
type fakeEcho struct {
	packets [][]byte
	from    []netip.Addr
}

func (f *fakeEcho) send([]byte) error           { return nil }
func (f *fakeEcho) SetDeadline(time.Time) error { return nil }
func (f *fakeEcho) Close() error                { return nil }

func (f *fakeEcho) receive(buf []byte) (int, netip.Addr, error) {
	if len(f.packets) == 0 {
		return 0, netip.Addr{}, context.DeadlineExceeded
	}
	n, from := copy(buf, f.packets[0]), f.from[0]
	f.packets, f.from = f.packets[1:], f.from[1:]
	return n, from, nil
}

// TestPingMatches makes sure that only the reply counts.
func TestPingMatches(t *testing.T) {
	const target = "10.0.0.1"
	sent := &icmp.Echo{ID: 7, Seq: 1, Data: []byte("nonce")}
	reply := func(id, seq int, data string) icmp.Message {
		return icmp.Message{Type: echo4.reply, Body: &icmp.Echo{ID: id, Seq: seq, Data: []byte(data)}}
	}
	tests := []struct {
		name    string
		keepsID bool
		packet  packet
		match   bool
	}{
		{"the reply", true, packet{target, reply(7, 1, "nonce")}, true},
		{"identifier of another process", true, packet{target, reply(8, 1, "nonce")}, false},
		{"identifier chosen by the kernel", false, packet{target, reply(8, 1, "nonce")}, true},
		{"other sequence", true, packet{target, reply(7, 2, "nonce")}, false},
		{"other payload", true, packet{target, reply(7, 1, "nonsense")}, false},
		{"payload cut off", true, packet{target, reply(7, 1, "")}, false},
		{"other host", true, packet{"10.0.0.2", reply(7, 1, "nonce")}, false},
		{"our own request", true, packet{target, icmp.Message{Type: echo4.request, Body: sent}}, false},
		{"an error", true, packet{target, icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable,
			Body: &icmp.DstUnreach{Data: make([]byte, 28)}}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := tt.packet.message.Marshal(nil)
			if err != nil {
				t.Fatal(err)
			}
			from := netip.MustParseAddr(tt.packet.from)
			// Noise first: it must be skipped.
			s := &fakeEcho{packets: [][]byte{{1}, {}, b}, from: []netip.Addr{netip.MustParseAddr(target), from, from}}
			err = await(s, echo4, netip.MustParseAddr(target), sent, tt.keepsID)
			if (err == nil) != tt.match {
				t.Errorf("await = %v, want a match: %v", err, tt.match)
			}
		})
	}
}

func TestEchoRequestsDiffer(t *testing.T) {
	a, b := newEcho(), newEcho()
	if string(a.Data) == string(b.Data) || len(a.Data) != 56 {
		t.Errorf("payloads %x and %x", a.Data, b.Data)
	}
}
