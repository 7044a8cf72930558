package runner

import (
	"net/netip"

	"github.com/vipd/vipd/healthcheck"
)

// index finds entries by key. A map by key would hold every key, which is most
// of an entry, a second time; this one goes by the target, and the few entries
// that have the same one are linked.
type index map[netip.AddrPort]*entry

// find returns the entry of a key, nil if there is none.
func (x index) find(k healthcheck.Key) *entry {
	e := x[k.Target]
	for e != nil && e.key != k {
		e = e.twin
	}
	return e
}

// put adds an entry whose key has none yet.
func (x index) put(e *entry) {
	e.twin = x[e.key.Target]
	x[e.key.Target] = e
}

// drop takes an entry out, which must be there.
func (x index) drop(e *entry) {
	first := x[e.key.Target]
	switch {
	case first != e:
		for first.twin != e {
			first = first.twin
		}
		first.twin = e.twin
	case e.twin != nil:
		x[e.key.Target] = e.twin
	default:
		delete(x, e.key.Target)
	}
}
