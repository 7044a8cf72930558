package ipvs

import (
	"net/netip"
	"slices"
)

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

// destinations works on a nil entry too.
func (e *Entry) destinations() []Destination {
	if e == nil {
		return nil
	}
	return e.Destinations
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

// Index finds entries by key in constant time. It shares them with the table.
type Index map[ServiceKey]*Entry

// Index returns an index of the table. It is void when entries are added or
// removed.
func (t Table) Index() Index {
	x := make(Index, len(t))
	for i := range t {
		x[t[i].Service.Key] = &t[i]
	}
	return x
}

// Find returns the entry of a service, or nil.
func (x Index) Find(k ServiceKey) *Entry { return x[k] }

// Apply returns the table after operations that succeeded. It changes t.
func (t Table) Apply(ops ...Op) Table {
	place := make(map[ServiceKey]int, len(t))
	for i, e := range t {
		place[e.Service.Key] = i
	}
	edits := make(map[int]*edit)
	for _, o := range ops {
		i, found := place[o.Service.Key]
		switch {
		case o.Kind == RemoveService:
			delete(place, o.Service.Key)
		case o.Kind == AddService && !found:
			place[o.Service.Key] = len(t)
			t = append(t, Entry{Service: o.Service})
		case found && (o.Kind == AddService || o.Kind == EditService):
			t[i].Service = o.Service
		case found:
			if edits[i] == nil {
				edits[i] = &edit{list: seek(t[i].Destinations), gone: make(map[netip.AddrPort]bool)}
			}
			edits[i].apply(o)
		}
	}
	for i, e := range edits {
		t[i].Destinations = slices.DeleteFunc(e.list.list, func(d Destination) bool { return e.gone[d.Address] })
	}
	kept := t[:0]
	for i, e := range t {
		if j, ok := place[e.Service.Key]; ok && i == j {
			kept = append(kept, e)
		}
	}
	return kept
}

// edit collects what happens to the destinations of one service.
type edit struct {
	list *seeker
	gone map[netip.AddrPort]bool
}

func (e *edit) apply(o Op) {
	e.gone[o.Destination.Address] = o.Kind == RemoveDestination
	if o.Kind != RemoveDestination {
		e.list.put(o.Destination, true)
	}
}
