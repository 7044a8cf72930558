package kernel

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/ipv6"
)

// heirs knows which hosts announced addresses while these were handed over to
// them.
type heirs struct {
	mu    sync.Mutex
	known map[place]heir // by interface and address, of full length
}

// heir is the MAC address of a host, believed until a time.
type heir struct {
	mac   net.HardwareAddr
	until time.Time
}

func placeOf(iface string, ip netip.Addr) place {
	return place{iface, netip.PrefixFrom(ip, ip.BitLen())}
}

// note remembers who announced an address.
func (h *heirs) note(iface string, ip netip.Addr, mac net.HardwareAddr, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known = make(map[place]heir)
	}
	h.known[placeOf(iface, ip)] = heir{slices.Clone(mac), until}
}

// take returns who has an address now, nil if nobody announced it lately, and
// forgets it.
func (h *heirs) take(iface string, ip netip.Addr, now time.Time) net.HardwareAddr {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := placeOf(iface, ip)
	found := h.known[at]
	delete(h.known, at)
	if now.After(found.until) {
		return nil
	}
	return found.mac
}

// handOn tells the network once more, for the addresses that have left an
// interface, what their heirs told it. A host that asked after an heir's
// announcement and before the address left may have had our answer; FRR
// announces itself only once.
func (h *heirs) handOn(iface string, gone []netip.Prefix) {
	now := Now()
	for _, p := range gone {
		mac := h.take(iface, p.Addr(), now)
		ifi, err := net.InterfaceByName(iface)
		if mac == nil || err != nil {
			continue
		}
		// Errors are left alone: the heir was heard, and most had heard it too.
		if p.Addr().Is6() {
			_ = advertiseFor(*ifi, p.Addr(), mac)
		} else {
			_ = announceFor(ifi, p.Addr(), mac)
		}
	}
}

// announceFor sends a gratuitous ARP about an address of another host.
func announceFor(ifi *net.Interface, ip netip.Addr, mac net.HardwareAddr) error {
	b, err := gratuitousARP(mac, ip)
	if err != nil {
		return err
	}
	c, err := listenARP(ifi)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WriteTo(b, &packet.Addr{HardwareAddr: broadcast})
	return err
}

// advertiseFor sends a neighbour advertisement about an address of another
// host, which is the router now if this one was.
func advertiseFor(ifi net.Interface, ip netip.Addr, mac net.HardwareAddr) error {
	b, err := neighbourAdvertisement(mac, ip, forwards(ifi.Name))
	if err != nil {
		return err
	}
	c, err := listenNeighbours(ifi)
	if err != nil {
		return err
	}
	defer c.Close()
	to := &ipv6.ControlMessage{IfIndex: ifi.Index, HopLimit: ndHopLimit}
	_, err = c.WriteTo(b, to, &net.IPAddr{IP: allNodes.AsSlice(), Zone: ifi.Name})
	return err
}
