package kernel

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// heldAddress names a virtual address of a router, wherever it is.
type heldAddress struct {
	id     vrrp.RouterID
	prefix netip.Prefix
}

// site is where a virtual address belongs and how it is put there.
type site struct {
	iface string
	vrrp.AddressOptions
	// noRoute leaves the route of the address's network to another interface,
	// which has it already.
	noRoute bool
	// virtual is set on the router's own interface.
	virtual bool
}

// manner is how an address is put on an interface: its lifetime, 0 for ever,
// and its options.
type manner struct {
	lease time.Duration
	site
}

// sites knows where addresses belong and where they were put. It belongs to
// the writer.
type sites struct {
	planned map[heldAddress]site
	used    map[heldAddress]site
	// holders has the routers of each place in use, mostly one, and counts those
	// places by interface and by router.
	holders     map[place][]vrrp.RouterID
	byInterface map[string]int
	byRouter    map[vrrp.RouterID]int
}

func newSites() sites {
	return sites{
		planned: make(map[heldAddress]site), used: make(map[heldAddress]site), holders: make(map[place][]vrrp.RouterID),
		byInterface: make(map[string]int), byRouter: make(map[vrrp.RouterID]int),
	}
}

// use notes where an address was put.
func (s *sites) use(key heldAddress, at site) {
	s.unuse(key)
	p := place{at.iface, key.prefix}
	s.used[key] = at
	s.holders[p] = append(s.holders[p], key.id)
	s.byInterface[at.iface]++
	s.byRouter[key.id]++
}

// unuse notes that an address is nowhere any more.
func (s *sites) unuse(key heldAddress) {
	at, known := s.used[key]
	if !known {
		return
	}
	p := place{at.iface, key.prefix}
	delete(s.used, key)
	s.holders[p] = slices.DeleteFunc(s.holders[p], func(id vrrp.RouterID) bool { return id == key.id })
	if len(s.holders[p]) == 0 {
		delete(s.holders, p)
	}
	countDown(s.byInterface, at.iface)
	countDown(s.byRouter, key.id)
}

// countDown keeps no zeros.
func countDown[K comparable](count map[K]int, key K) {
	if count[key]--; count[key] == 0 {
		delete(count, key)
	}
}

// holds tells whether any address was put on an interface.
func (s *sites) holds(iface string) bool { return s.byInterface[iface] > 0 }

// none tells whether a router has no address anywhere.
func (s *sites) none(id vrrp.RouterID) bool { return s.byRouter[id] == 0 }

// holder returns a router whose address was put somewhere, the first of several.
func (s *sites) holder(p place) (id vrrp.RouterID, found bool) {
	if ids := s.holders[p]; len(ids) > 0 {
		return ids[0], true
	}
	return id, false
}

// plan returns where an address belongs.
func (s *sites) plan(id vrrp.RouterID, p netip.Prefix) site {
	if at, ok := s.planned[heldAddress{id, p}]; ok {
		return at
	}
	return site{iface: id.Interface}
}

// of returns where an address was put, or where it belongs.
func (s *sites) of(id vrrp.RouterID, p netip.Prefix) site {
	if at, ok := s.used[heldAddress{id, p}]; ok {
		return at
	}
	return s.plan(id, p)
}

// place returns where to find an address.
func (s *sites) place(id vrrp.RouterID, p netip.Prefix) place {
	return place{s.of(id, p).iface, p}
}

// part is the addresses of a router that share an interface.
type part struct {
	iface     string
	addresses []netip.Prefix
}

// parts sorts addresses by interface, in the order given. at says where one is.
func parts(addresses []netip.Prefix, at func(netip.Prefix) string) []part {
	var all []part
	for _, a := range addresses {
		iface, found := at(a), false
		for i := range all {
			if all[i].iface == iface {
				all[i].addresses, found = append(all[i].addresses, a), true
			}
		}
		if !found {
			all = append(all, part{iface, []netip.Prefix{a}})
		}
	}
	return all
}

// planParts sorts the addresses of a Hold by the interface they belong on.
func (l *Links) planParts(h *vrrp.Hold) []part {
	return parts(h.Addresses, func(a netip.Prefix) string { return l.sites.plan(h.ID, a).iface })
}

// usedParts sorts addresses by the interface they were put on.
func (l *Links) usedParts(id vrrp.RouterID, addresses []netip.Prefix) []part {
	return parts(addresses, func(a netip.Prefix) string { return l.sites.of(id, a).iface })
}

// settleSite takes an address away from where it was when it belongs elsewhere
// now, unless another router has it there, too, and notes where it goes.
func (l *Links) settleSite(id vrrp.RouterID, a netip.Prefix) site {
	key, now := heldAddress{id, a}, l.sites.plan(id, a)
	was, used := l.sites.used[key]
	if used && was == now {
		return now
	}
	l.sites.unuse(key)
	if p := (place{was.iface, a}); used && !l.leaveToOther(p) {
		l.takeAway(p)
		l.restoreIdle(was.iface)
	}
	l.sites.use(key, now)
	return now
}

// planOf returns the sites of all addresses of routers. hasNetwork tells
// whether an interface already has an address in a network.
func planOf(routers []vrrp.Config, hasNetwork func(iface string, p netip.Prefix) bool) map[heldAddress]site {
	plan := make(map[heldAddress]site)
	for i := range routers {
		c := &routers[i]
		for _, p := range c.Held() {
			at := site{iface: c.CarrierOf(p), AddressOptions: c.Options[p]}
			at.Interface = ""
			at.virtual = c.VMAC.Name != "" && at.iface == c.VMAC.Name
			at.noRoute = at.virtual && hasNetwork(c.ID.Interface, p)
			plan[heldAddress{c.ID, p}] = at
		}
	}
	return plan
}
