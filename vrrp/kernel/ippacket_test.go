package kernel

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
)

// ipv4 builds a packet of protocol 112 from 192.0.2.2 to the group; options
// must be a multiple of four octets.
func ipv4Packet(ttl uint8, options, payload []byte) []byte {
	b := make([]byte, 20, 60+len(payload))
	b[0] = 0x40 | uint8(5+len(options)/4)
	b[1] = tos
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(options)+len(payload)))
	b[8], b[9] = ttl, protocol
	copy(b[12:], []byte{192, 0, 2, 2, 224, 0, 0, 18})
	b = append(b, options...)
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum>>16+sum))
	return append(b, payload...)
}

func TestParseIPv4(t *testing.T) {
	payload := []byte("\x31\x33\x64\x01 an advert")
	// RFC 791 §3.1: no operation three times, end of list.
	options := []byte{1, 1, 1, 0}
	good := vrrp.Received{
		Family: vrrp.IPv4, TTL: 255, Payload: payload,
		Src: netip.MustParseAddr("192.0.2.2"), Dst: netip.MustParseAddr("224.0.0.18"),
	}
	with := func(change func(*vrrp.Received)) *vrrp.Received {
		p := good
		change(&p)
		return &p
	}
	plain := ipv4Packet(255, nil, payload)
	totalLength := func(n uint16) []byte {
		b := bytes.Clone(plain)
		binary.BigEndian.PutUint16(b[2:], n)
		return b
	}
	tests := []struct {
		name   string
		packet []byte
		want   *vrrp.Received // nil: no IPv4 header
	}{
		{"plain", plain, &good},
		{"other TTL", ipv4Packet(64, nil, payload), with(func(p *vrrp.Received) { p.TTL = 64 })},
		{"options", ipv4Packet(255, options, payload), &good},
		{"padding", append(bytes.Clone(plain), 0, 0, 0), &good},
		{"no payload", ipv4Packet(255, nil, nil), with(func(p *vrrp.Received) { p.Payload = []byte{} })},
		{"cut short", plain[:24], with(func(p *vrrp.Received) { p.Payload = payload[:4] })},
		{"total length below header", totalLength(7), with(func(p *vrrp.Received) { p.Payload = []byte{} })},
		{"total length above packet", totalLength(999), &good},
		{"empty", nil, nil},
		{"half a header", plain[:19], nil},
		{"header longer than packet", append([]byte{0x4f}, plain[1:24]...), nil},
		{"header shorter than possible", append([]byte{0x44}, plain[1:]...), nil},
		{"IPv6", append([]byte{0x60}, plain[1:]...), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got vrrp.Received
			if ok := parseIPv4(tt.packet, &got); ok != (tt.want != nil) {
				t.Fatalf("parseIPv4 = %v", ok)
			}
			if tt.want != nil {
				if diff := cmp.Diff(*tt.want, got, comparing); diff != "" {
					t.Errorf("packet (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func FuzzParseIPv4(f *testing.F) {
	f.Add(ipv4Packet(255, nil, []byte("payload")))
	f.Add(ipv4Packet(1, make([]byte, 40), nil))
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p vrrp.Received
		if parseIPv4(b, &p) && len(p.Payload) > len(b)-20 {
			t.Errorf("payload of %d octets from a packet of %d", len(p.Payload), len(b))
		}
	})
}
