package ipvs

import "slices"

// phase orders operations so that a service never loses what carries it
// before its replacement is in.
type phase int

const (
	addServices phase = iota
	editServices
	addDestinations
	raiseWeights
	lowerWeights
	removeDestinations
	removeServices
	phases
)

// differ collects operations by phase.
type differ [phases][]Op

// Diff returns the operations that turn have, the kernel's table, into want:
// add services, edit services, add destinations, raise weights, lower
// weights, remove destinations, remove services. Attributes are edited in
// place, never by removing and adding again, which would drop connections.
//
// owned are the services that an earlier configuration put into the kernel:
// those are removed when they are no longer wanted. Every other service in
// have that is not in want belongs to somebody else and is left alone. A
// wanted service that already exists is taken over, destinations that are
// not wanted leave it.
//
// Within a phase the operations follow the order of the tables.
func Diff(have, want Table, owned map[ServiceKey]bool) []Op {
	var d differ
	existing := make(map[ServiceKey]*Entry, len(have))
	for i := range have {
		existing[have[i].Service.Key] = &have[i]
	}
	d.reserve(existing, want)
	wanted := make(map[ServiceKey]bool, len(want))
	for _, w := range want {
		wanted[w.Service.Key] = true
		d.entry(existing[w.Service.Key], w)
	}
	for _, h := range have {
		if k := h.Service.Key; owned[k] && !wanted[k] {
			d.add(removeServices, Op{Kind: RemoveService, Service: h.Service})
		}
	}
	return slices.Concat(d[:]...)
}

// reserve makes room for services that are new, which on a start are all:
// operations are large, and growing to ten thousands of them is not free.
func (d *differ) reserve(existing map[ServiceKey]*Entry, want Table) {
	services, destinations := 0, 0
	for _, w := range want {
		if existing[w.Service.Key] == nil {
			services, destinations = services+1, destinations+len(w.Destinations)
		}
	}
	d[addServices], d[addDestinations] = make([]Op, 0, services), make([]Op, 0, destinations)
}

func (d *differ) add(p phase, o Op) { d[p] = append(d[p], o) }

// entry compares one wanted service with the kernel's, which may be nil.
func (d *differ) entry(have *Entry, want Entry) {
	switch {
	case have == nil:
		d.add(addServices, Op{Kind: AddService, Service: want.Service})
	case have.Service != want.Service:
		d.add(editServices, Op{Kind: EditService, Service: want.Service, OldService: have.Service})
	}
	if have == nil {
		have = &Entry{}
	}
	old, wanted := seek(have.Destinations), seek(want.Destinations)
	for _, w := range want.Destinations {
		d.destination(want.Service, old, w)
	}
	for _, h := range have.Destinations {
		if wanted.find(h.Address) < 0 {
			d.add(removeDestinations, Op{Kind: RemoveDestination, Service: want.Service, Destination: h})
		}
	}
}

// destination compares one wanted destination with the kernel's.
func (d *differ) destination(svc Service, have *seeker, want Destination) {
	old, ok := have.destination(want.Address)
	switch {
	case !ok:
		d.add(addDestinations, Op{Kind: AddDestination, Service: svc, Destination: want})
	case old != want:
		op := Op{Kind: EditDestination, Service: svc, Destination: want, OldDestination: old}
		if old.withWeight(want.Weight) == want {
			op.Kind = SetWeight
		}
		d.add(direction(old, want), op)
	}
}

// direction puts edits that take connections away after those that give.
func direction(old, want Destination) phase {
	if want.Weight < old.Weight {
		return lowerWeights
	}
	return raiseWeights
}

func (d Destination) withWeight(w int) Destination {
	d.Weight = w
	return d
}
