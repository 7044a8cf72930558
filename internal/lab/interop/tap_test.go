package interop

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// tap listens to the adverts of both sides at one host's interface, multicast
// or unicast, IPv4 or IPv6, with or without an authentication header.
type tap struct {
	mu     sync.Mutex
	heard  []spoken
	frames [][]byte // of every kind
}

// spoken is what the matrix wants to know of an advert.
type spoken struct {
	at       time.Time
	src      netip.Addr
	priority uint8
}

// ownVirtual passes the frames that leave an interface with the MAC address of
// a virtual router (linux/if_packet.h, RFC 9568 §7.3).
var ownVirtual = []bpf.Instruction{
	bpf.LoadExtension{Num: bpf.ExtType},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 3},
	bpf.LoadAbsolute{Off: 6, Size: 4},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x00005e00, SkipTrue: 1},
	bpf.RetConstant{Val: 1 << 16},
	bpf.RetConstant{Val: 0},
}

// listen taps what passes a filter, or everything.
func listen(h *lab.Host, filter ...bpf.Instruction) (*tap, func(), error) {
	t := &tap{}
	var conn *packet.Conn
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		config := &packet.Config{}
		if len(filter) > 0 {
			if config.Filter, err = bpf.Assemble(filter); err != nil {
				return err
			}
		}
		conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, config)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("listen to adverts: %w", err)
	}
	go func() {
		for buf := make([]byte, 1<<16); ; {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			s, ok := advertIn(buf[:n])
			t.mu.Lock()
			if ok {
				t.heard = append(t.heard, s)
			}
			t.frames = append(t.frames, slices.Clone(buf[:n]))
			t.mu.Unlock()
		}
	}()
	return t, func() { conn.Close() }, nil
}

// advertIn finds sender and priority of an advert in an Ethernet frame.
func advertIn(b []byte) (spoken, bool) {
	const ethernet, ipv4, ipv6 = 14, 20, 40
	if len(b) < ethernet+ipv4 {
		return spoken{}, false
	}
	s := spoken{at: time.Now()}
	ip := b[ethernet:]
	var proto byte
	var msg []byte
	switch kind := binary.BigEndian.Uint16(b[12:]); {
	case kind == unix.ETH_P_IP && len(ip) >= int(ip[0]&15)*4:
		s.src, proto, msg = netip.AddrFrom4([4]byte(ip[12:])), ip[9], ip[int(ip[0]&15)*4:]
	case kind == unix.ETH_P_IPV6 && len(ip) >= ipv6:
		s.src, proto, msg = netip.AddrFrom16([16]byte(ip[8:])), ip[6], ip[ipv6:]
	}
	const authHeader, authHeaderLen = 51, 24
	if proto == authHeader && len(msg) > authHeaderLen && msg[0] == 112 {
		proto, msg = msg[0], msg[authHeaderLen:]
	}
	if proto != 112 || len(msg) < 8 {
		return spoken{}, false
	}
	s.priority = msg[2]
	return s, true
}

// since returns what was heard since a time.
func (t *tap) since(at time.Time) (all []spoken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.heard {
		if !s.at.Before(at) {
			all = append(all, s)
		}
	}
	return all
}

// all returns the frames.
func (t *tap) all() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.frames)
}
