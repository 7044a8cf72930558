package kernel

import (
	"errors"
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
// announces itself only once. Errors are left alone: the heirs were heard, and
// most had heard them too.
func (h *heirs) handOn(iface string, gone []netip.Prefix) {
	four, six := h.takeAll(iface, gone)
	ifi, err := interfaceNamed(iface)
	if err != nil {
		return
	}
	if len(four) > 0 {
		_ = announceFor(ifi, four)
	}
	if len(six) > 0 {
		_ = advertiseFor(*ifi, six)
	}
}

// takeAll returns who has addresses now that were on an interface, by family.
func (h *heirs) takeAll(iface string, gone []netip.Prefix) (four, six map[netip.Addr]net.HardwareAddr) {
	four, six = make(map[netip.Addr]net.HardwareAddr), make(map[netip.Addr]net.HardwareAddr)
	now := Now()
	for _, p := range gone {
		mac := h.take(iface, p.Addr(), now)
		switch {
		case mac == nil:
		case p.Addr().Is4():
			four[p.Addr()] = mac
		default:
			six[p.Addr()] = mac
		}
	}
	return four, six
}

// announceFor sends gratuitous ARPs about addresses of other hosts. One socket
// sends all: closing one takes the kernel long.
func announceFor(ifi *net.Interface, owners map[netip.Addr]net.HardwareAddr) error {
	c, err := listenARP(ifi)
	if err != nil {
		return err
	}
	defer c.Close()
	var errs []error
	for ip, mac := range owners {
		b, err := gratuitousARP(mac, ip)
		if err == nil {
			_, err = c.WriteTo(b, &packet.Addr{HardwareAddr: broadcast})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// advertiseFor sends neighbour advertisements about addresses of other hosts,
// which are routers now if this one was.
func advertiseFor(ifi net.Interface, owners map[netip.Addr]net.HardwareAddr) error {
	c, err := listenNeighbours(ifi)
	if err != nil {
		return err
	}
	defer c.Close()
	how := &ipv6.ControlMessage{IfIndex: ifi.Index, HopLimit: ndHopLimit}
	var errs []error
	for ip, mac := range owners {
		b, err := neighbourAdvertisement(mac, ip, forwards(ifi.Name))
		if err == nil {
			_, err = c.WriteTo(b, how, &net.IPAddr{IP: allNodes.AsSlice(), Zone: ifi.Name})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
