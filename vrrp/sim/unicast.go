package sim

import (
	"net/netip"
	"slices"

	"github.com/vipd/vipd/vrrp"
)

// owns returns the node's interface that has the address, none if none has: the
// one of the given name if it may.
func (n *node) owns(a netip.Addr, name string) (found string) {
	for i := range n.routers {
		c := &n.routers[i]
		if l := n.link(c.ID.Interface); c.Delivery.Source != a && l.Primary != a && l.LinkLocal != a {
			continue
		}
		if found == "" || c.ID.Interface == name {
			found = c.ID.Interface
		}
	}
	return found
}

// assume gives the node the source addresses that its peers expect of it, so
// far as they follow from the configurations: a router with peers that names
// no source has the address that others send to and it does not.
func (w *World) assume(n *node) {
	for i := range n.routers {
		c := &n.routers[i]
		if !c.Unicast() || c.Delivery.Source.IsValid() {
			continue
		}
		switch a, l := w.expected(n, c), n.link(c.ID.Interface); {
		case !a.IsValid():
		case c.ID.Family == vrrp.IPv6:
			l.LinkLocal = a
		default:
			l.Primary = a
		}
	}
}

// expected returns the address of a node by the peers of all others, the zero
// value if it does not follow from them.
func (w *World) expected(n *node, c *vrrp.Config) netip.Addr {
	for _, other := range w.nodes {
		for i := range other.routers {
			o := &other.routers[i]
			if other == n || o.ID.VRID != c.ID.VRID || o.ID.Family != c.ID.Family {
				continue
			}
			for _, p := range o.Delivery.Peers {
				if !slices.ContainsFunc(c.Delivery.Peers, func(own vrrp.Peer) bool { return own.Address == p.Address }) {
					return p.Address
				}
			}
		}
	}
	return netip.Addr{}
}
