package conf

import (
	"net/netip"
	"slices"

	"github.com/vipd/vipd/vrrp"
)

// delivery sets how the adverts of a router travel.
func (b *builder) delivery(n *node, c *vrrp.Config) {
	family := func(a netip.Addr) bool { return a.IsValid() && a.Is4() == (c.ID.Family == vrrp.IPv4) }
	if a := get[netip.Addr](n, "source"); family(a) {
		c.Delivery.Source = a
	}
	if a := get[netip.Addr](n, "group"); family(a) {
		c.Delivery.Group = a
	}
	c.Delivery.Buffer = vrrp.ReceiveBuffer{Octets: int(get[int64](n, "receive_buffer")), MTUs: int(get[int64](n, "receive_buffer_packets"))}
	if len(n.all("unicast")) == 0 && !get[bool](n, "unicast") {
		return
	}
	u := n.one("unicast")
	c.Delivery.TTL = uint8(get[int64](u, "ttl"))
	c.Delivery.CheckSource = get[bool](u, "check_source")
	c.Delivery.NeedPeers = get[bool](u, "need_peers")
	peers := get[[]located[netip.Addr]](u, "peers")
	if !u.has("peers") {
		peers = b.otherDirectors(n)
		if !c.Delivery.Source.IsValid() && family(b.director.Address) {
			c.Delivery.Source = b.director.Address
		}
	}
	for _, p := range peers {
		if family(p.v) {
			c.Delivery.Peers = append(c.Delivery.Peers, vrrp.Peer{Address: p.v, MinTTL: uint8(get[int64](u, "min_ttl"))})
		}
	}
	c.Peers = c.Peers || len(c.Delivery.Peers) > 0
	b.checkUnicast(n, u, c)
}

// otherDirectors returns the addresses of all directors but this one.
func (b *builder) otherDirectors(n *node) (peers []located[netip.Addr]) {
	for _, d := range b.cfg.Directors {
		if d.Name != b.cfg.Director && d.Address.IsValid() {
			peers = append(peers, located[netip.Addr]{d.Address, n.at("unicast")})
		}
	}
	return peers
}

// checkUnicast finds peers that cannot be reached and adverts nobody gets.
func (b *builder) checkUnicast(n, u *node, c *vrrp.Config) {
	if b.partialDirector || u.bad("peers") || n.bad("source", "virtual_address", "interface") {
		return
	}
	at := n.at("unicast")
	if u.has("peers") {
		at = u.at("peers")
	}
	global := func(p vrrp.Peer) bool { return p.Address.Is6() && !p.Address.IsLinkLocalUnicast() }
	switch {
	case len(c.Delivery.Peers) == 0 && c.Delivery.NeedPeers && u.has("peers"):
		b.warnf("no_peers", at, "", "%s has no %s peer: it will be at fault", n, familyName(c.ID.Family))
	case len(c.Delivery.Peers) == 0:
		b.errorf("no_peers", at, "give every director block an address of that family, or the block unicast a list of peers",
			"%s has no %s peer to send adverts to", n, familyName(c.ID.Family))
	case !c.Delivery.Source.IsValid() && slices.ContainsFunc(c.Delivery.Peers, global):
		b.warnf("no_source", at, "source = an IPv6 address of this director",
			"%s sends adverts to global IPv6 addresses and needs a source: the link-local address cannot be answered", n)
	}
	if c.Delivery.Group.IsValid() {
		b.warnf("no_effect", n.at("group"), "", "group has no effect in %s: its adverts go to peers", n)
	}
	for _, p := range c.Delivery.Peers {
		if p.Address == b.director.Address || p.Address == c.Delivery.Source {
			b.errorf("own_peer", at, "", "%s is this director's own address, not a peer's", p.Address)
		}
	}
}

// checkGroup judges what adverts are sent to and from.
func (b *builder) checkGroup(n *node) {
	group, source := get[netip.Addr](n, "group"), get[netip.Addr](n, "source")
	if n.has("group") && group.Is6() && !group.IsLinkLocalMulticast() {
		b.warnf("wide_group", n.at("group"), "an address of ff02::/16", "group %s is not link-local: routers may forward its adverts", group)
	}
	for _, name := range []string{"group", "source"} {
		a := get[netip.Addr](n, name)
		if n.has(name) && !n.bad("virtual_address") && !slices.ContainsFunc(b.addressesOf(n), func(p netip.Prefix) bool { return p.Addr().Is4() == a.Is4() }) {
			b.warnf("no_effect", n.at(name), "", "%s %s has no effect: %s has no virtual address of its family", name, a, n)
		}
	}
	for _, p := range b.addressesOf(n) {
		if p.Addr() == source && get[int64](n, "priority") != vrrp.PriorityOwner {
			b.errorf("source_is_virtual", n.at("source"), "", "source %s is a virtual address: a backup does not have it", source)
		}
	}
}

func (b *builder) addressesOf(n *node) (out []netip.Prefix) {
	for _, p := range get[[]located[netip.Prefix]](n, "virtual_address") {
		out = append(out, p.v)
	}
	return out
}

func familyName(f vrrp.Family) string {
	if f == vrrp.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}
