package vrrp

import "net/netip"

// Groups that adverts go to (RFC 9568 §5.1.1.2, §5.1.2.2).
var (
	GroupIPv4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	GroupIPv6 = netip.MustParseAddr("ff02::12")
)

// maxTTL is what adverts are sent with and, to a group, must arrive with: it
// proves that no router has forwarded them (RFC 9568 §5.1.1.3, §5.1.2.3).
const maxTTL = 255

// Delivery says how adverts travel. The zero value is what the RFC asks for:
// from the interface's primary or link-local address to the group.
type Delivery struct {
	// Source replaces the source address.
	Source netip.Addr
	// Group replaces the multicast group. It is void with Peers.
	Group netip.Addr
	// Peers, if there are any, get an advert each instead of the group. Then
	// only adverts that were sent to one of our addresses are accepted.
	Peers []Peer
	// TTL of adverts to peers, 255 when zero.
	TTL uint8
	// CheckSource accepts adverts of peers only, with the TTLs they may have.
	CheckSource bool
	// Buffer is this router's part of the receive buffer of the socket that hears
	// it.
	Buffer ReceiveBuffer
	// NeedPeers makes a router without any peer a fault, instead of one that
	// speaks to the group.
	NeedPeers bool
}

// ReceiveBuffer is a size: octets, and so many of the largest packets of the
// interface. The zero value leaves it to the socket's owner.
type ReceiveBuffer struct {
	Octets, MTUs int
}

// Plus adds another router's part.
func (b ReceiveBuffer) Plus(other ReceiveBuffer) ReceiveBuffer {
	return ReceiveBuffer{b.Octets + other.Octets, b.MTUs + other.MTUs}
}

// Peer is another director that is reached by unicast.
type Peer struct {
	Address netip.Addr
	// MinTTL and MaxTTL are the bounds of the TTL of its adverts, which are
	// checked with Delivery.CheckSource. Zero means 0 and 255.
	MinTTL, MaxTTL uint8
}

// accepts reports whether the peer's adverts may arrive with this TTL.
func (p *Peer) accepts(ttl uint8) bool {
	most := p.MaxTTL
	if most == 0 {
		most = maxTTL
	}
	return p.MinTTL <= ttl && ttl <= most
}

// Unicast reports whether adverts go to peers instead of a group.
func (c *Config) Unicast() bool { return len(c.Delivery.Peers) > 0 }

// GroupOf returns the multicast group of the router's adverts.
func (c *Config) GroupOf() netip.Addr {
	switch {
	case c.Delivery.Group.IsValid():
		return c.Delivery.Group
	case c.ID.Family == IPv6:
		return GroupIPv6
	}
	return GroupIPv4
}

// source returns the address that the router's adverts come from, which also
// decides ties.
func (r *router) source() netip.Addr {
	if r.cfg.Delivery.Source.IsValid() {
		return r.cfg.Delivery.Source
	}
	return r.iface.link.Source(r.cfg.ID.Family)
}

// checkTTL applies the rule of the way the packet came. Adverts to a group
// must not have been forwarded; those of peers may come from afar, within the
// bounds of the peer when sources are checked.
func (r *router) checkTTL(p *Received) DropReason {
	switch {
	case !r.cfg.Unicast() || p.Dst.IsMulticast():
		if p.TTL != maxTTL {
			return DropTTL
		}
	case r.cfg.Delivery.CheckSource:
		if peer := r.peer(p.Src); peer != nil && !peer.accepts(p.TTL) {
			return DropTTL
		}
	}
	return ""
}

// checkAddresses applies the rules about who may send to whom: adverts to a
// group are not for a router with peers, and the reverse.
func (r *router) checkAddresses(p *Received) DropReason {
	switch {
	case !r.cfg.Unicast():
		if p.Dst != r.cfg.GroupOf() {
			return DropDestination
		}
	case p.Dst.IsMulticast():
		return DropDestination
	case r.cfg.Delivery.CheckSource && r.peer(p.Src) == nil:
		return DropUnknownPeer
	}
	return ""
}

// peer returns the configured peer with the address, nil if there is none.
func (r *router) peer(a netip.Addr) *Peer {
	for i := range r.cfg.Delivery.Peers {
		if p := &r.cfg.Delivery.Peers[i]; p.Address == a {
			return p
		}
	}
	return nil
}
