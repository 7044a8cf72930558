package kernel

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// place is where an address is or belongs: the identity of a table entry.
type place struct {
	iface  string
	prefix netip.Prefix
}

// entry is what the writer knows about one virtual address.
type entry struct {
	id       vrrp.RouterID
	owned    bool // ours to change and remove; stands in the store
	recorded bool // stood in the store already when we started
	host     bool // was there before us and is not ours
	wanted   bool // a Hold asks for it
	found    bool // ours of an earlier life, no Hold or Release yet
	present  bool // on the interface as far as we know
	// pending is set while an address was never added since its Hold: unlike
	// one that vanished, a refresh may add it.
	pending   bool
	lost      bool // its lease ended: only a new Hold brings it back
	index     int  // of the interface it was put on
	lease     time.Duration
	epoch     uint64    // of the last Hold
	deadline  time.Time // of the last Hold
	refreshed time.Time
	putBack   vrrp.PutBack
	putBacks  uint64
	due       time.Time // of the next try to put it back or take it away; zero for none
	err       string
}

// state derives what status shows.
func (e *entry) state(now time.Time) runner.AddressState {
	switch {
	case e.host:
		return runner.AddressHost
	case e.found:
		return runner.AddressFound
	case e.putBack.Contested(now):
		return runner.AddressContested
	case e.present:
		return runner.AddressHeld
	}
	return runner.AddressAbsent
}

// stale tells whether the last Hold of the address has stopped being true.
func (e *entry) stale(now time.Time) bool {
	return !e.deadline.IsZero() && now.After(e.deadline)
}

// table holds all entries. Only the writer changes it; others read.
type table struct {
	mu      sync.Mutex
	entries map[place]entry
}

func (t *table) get(p place) (entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[p]
	return e, ok
}

func (t *table) set(p place, e entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[p] = e
}

func (t *table) delete(p place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.entries, p)
}

// places returns the places whose entry has the property, in order.
func (t *table) places(has func(entry) bool) []place {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []place
	for p, e := range t.entries {
		if has(e) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.iface, b.iface), a.prefix.Compare(b.prefix))
	})
	return all
}

// owns tells whether an address is ours.
func (t *table) owns(p place) bool {
	e, ok := t.get(p)
	return ok && e.owned
}

// leased tells whether an interface has addresses of ours that may end by
// themselves. Nobody knows that of what an earlier life left.
func (t *table) leased(iface string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, e := range t.entries {
		if p.iface == iface && e.owned && (e.lease > 0 || e.found) {
			return true
		}
	}
	return false
}

// status is a sorted snapshot.
func (t *table) status(now time.Time) []runner.AddressStatus {
	places := t.places(func(entry) bool { return true })
	all := make([]runner.AddressStatus, 0, len(places))
	for _, p := range places {
		if e, ok := t.get(p); ok {
			all = append(all, runner.AddressStatus{
				Interface: p.iface, Address: p.prefix, State: e.state(now), Lease: e.lease,
				Refreshed: e.refreshed, PutBacks: e.putBacks, Error: e.err,
			})
		}
	}
	return all
}
