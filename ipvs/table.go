package ipvs

import (
	"cmp"
	"net/netip"
	"slices"
)

// Compare orders keys by protocol, then address, then port.
func (k ServiceKey) Compare(o ServiceKey) int {
	return cmp.Or(cmp.Compare(k.Protocol, o.Protocol), k.Address.Compare(o.Address))
}

// Destination returns the destination with the given address. It works on a
// nil entry, which has none.
func (e *Entry) Destination(a netip.AddrPort) (Destination, bool) {
	if e == nil {
		return Destination{}, false
	}
	for _, d := range e.Destinations {
		if d.Address == a {
			return d, true
		}
	}
	return Destination{}, false
}

// Find returns the entry of a service, or nil. The entry is shared with the
// table.
func (t Table) Find(k ServiceKey) *Entry {
	for i := range t {
		if t[i].Service.Key == k {
			return &t[i]
		}
	}
	return nil
}

// Sort orders services by key and destinations by address. The kernel lists
// services in hash order and destinations last added first.
func (t Table) Sort() {
	slices.SortFunc(t, func(a, b Entry) int { return a.Service.Key.Compare(b.Service.Key) })
	for _, e := range t {
		slices.SortFunc(e.Destinations, func(a, b Destination) int { return a.Address.Compare(b.Address) })
	}
}

// Clone returns a copy that shares nothing with t.
func (t Table) Clone() Table {
	c := slices.Clone(t)
	for i := range c {
		c[i].Destinations = slices.Clone(c[i].Destinations)
	}
	return c
}

// Equal reports whether both tables hold the same services with the same
// destinations, in whatever order.
func (t Table) Equal(o Table) bool {
	a, b := t.Clone(), o.Clone()
	a.Sort()
	b.Sort()
	return slices.EqualFunc(a, b, func(x, y Entry) bool {
		return x.Service == y.Service && slices.Equal(x.Destinations, y.Destinations)
	})
}
