package twin

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// wire keeps what the director has sent on the segments: of every virtual
// router the last advert, and which addresses were announced with which MAC.
type wire struct {
	mu        sync.Mutex
	adverts   map[string]string
	announced map[string]bool     // false: in an earlier step; they are repeated for seconds
	hosts     map[netip.Addr]bool // addresses of the director that are announced or not
	listeners map[string]string   // MAC by segment: who serves after the director, and is announced by it in time or not
}

// Protocols inside of IP.
const (
	protocolICMPv6 = 58
	protocolVRRP   = 112
	protocolAH     = 51
	neighborAdvert = 136 // RFC 4861 §4.4
)

// listen records on an interface of a host until the test ends.
func (w *wire) listen(tb lab.TB, h *lab.Host, iface, segment string) {
	tb.Helper()
	var conn *packet.Conn
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName(iface)
		if err == nil {
			conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
		}
		return err
	})
	if err != nil {
		tb.Fatalf("listen on %s of %s: %v", iface, h.Name, err)
	}
	tb.Cleanup(func() { conn.Close() })
	own := h.HardwareAddr(iface)
	w.mu.Lock()
	w.listeners[segment] = own
	w.mu.Unlock()
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if n >= 14 && net.HardwareAddr(buf[6:12]).String() != own {
				w.frame(segment, buf[:n])
			}
		}
	}()
}

// frame records an Ethernet frame.
func (w *wire) frame(segment string, b []byte) {
	source, payload := net.HardwareAddr(b[6:12]).String(), b[14:]
	switch binary.BigEndian.Uint16(b[12:]) {
	case unix.ETH_P_ARP:
		w.arp(segment, payload)
	case unix.ETH_P_IP:
		w.ip4(segment, source, payload)
	case unix.ETH_P_IPV6:
		w.ip6(segment, source, payload)
	}
}

// arp records a packet whose sender asks for or tells its own address.
func (w *wire) arp(segment string, b []byte) {
	if len(b) >= 28 && slices.Equal(b[14:18], b[24:28]) {
		w.announce(segment, netip.AddrFrom4([4]byte(b[14:18])), b[8:14])
	}
}

func (w *wire) ip4(segment, source string, b []byte) {
	if len(b) < 20 {
		return
	}
	header, end := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if end > len(b) || header > end {
		return
	}
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	message, protocol := b[header:end], b[9]
	if protocol == protocolAH && len(message) > 24 { // RFC 4302 §2: its numbers never repeat
		message, protocol = message[24:], message[0]
	}
	if protocol == protocolVRRP {
		w.advert(segment, source, src, dst, fmt.Sprintf("ttl %d tos %#02x", b[8], b[1]), message)
	}
}

func (w *wire) ip6(segment, source string, b []byte) {
	if len(b) < 40 {
		return
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	class := b[0]<<4 | b[1]>>4
	switch message := b[40:min(len(b), 40+int(binary.BigEndian.Uint16(b[4:])))]; {
	case b[6] == protocolVRRP:
		w.advert(segment, source, src, dst, fmt.Sprintf("hops %d class %#02x", b[7], class), message)
	case b[6] == protocolICMPv6 && len(message) >= 32 && message[0] == neighborAdvert && dst.IsMulticast():
		w.announce(segment, netip.AddrFrom16([16]byte(message[8:24])), message[26:32])
	}
}

// advert records a VRRP message, byte by byte.
func (w *wire) advert(segment, mac string, src, dst netip.Addr, header string, m []byte) {
	if len(m) < 8 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := fmt.Sprintf("advert %s vrid %d %s %v > %v %s", segment, m[1], mac, src, dst, header)
	w.adverts[key] = fmt.Sprintf("%x priority %d %x", m[:1], m[2], m[3:])
}

func (w *wire) announce(segment string, addr netip.Addr, mac net.HardwareAddr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if mac.String() == w.listeners[segment] || w.hosts[addr] {
		return
	}
	fact := fmt.Sprintf("announced %s %v %v", segment, addr, mac)
	if _, before := w.announced[fact]; !before {
		w.announced[fact] = true
	}
}

// lines are the facts since the last step.
func (w *wire) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for key, m := range w.adverts {
		out = append(out, key+": "+m)
	}
	for fact, now := range w.announced {
		if now {
			out = append(out, fact)
		}
	}
	return out
}

// silence forgets the adverts on a segment that the director has left.
func (w *wire) silence(segment string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.adverts, func(key, _ string) bool { return strings.HasPrefix(key, "advert "+segment) })
}

// ignore leaves out announcements of an address of the director's.
func (w *wire) ignore(addr netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[addr] = true
}

func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.adverts)
	for fact := range w.announced {
		w.announced[fact] = false
	}
}
