package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// expiryDelay is how much later than asked a kernel removes an address.
const expiryDelay = 100 * time.Millisecond

// entry is one virtual address on an interface.
type entry struct {
	id     vrrp.RouterID
	prefix netip.Prefix
	// expires is the end of the lease; 0 = permanent.
	expires time.Duration
	// found marks what an earlier life of the daemon left and the present one
	// has not decided about.
	found bool
}

// kernel holds a node's virtual addresses in the order they were added. It
// outlives the daemon.
type kernel []*entry

// find returns the entry of an address, nil when it is not there.
func (k kernel) find(id vrrp.RouterID, p netip.Prefix) *entry {
	for _, e := range k {
		if e.id == id && e.prefix == p {
			return e
		}
	}
	return nil
}

// hold adds or refreshes the addresses.
func (n *node) hold(h *vrrp.Hold) {
	if !h.Deadline.IsZero() && n.clock.local(n.world.now).After(h.Deadline) {
		return
	}
	for _, p := range h.Addresses {
		e := n.kernel.find(h.ID, p)
		if e == nil {
			if h.Refresh {
				continue // the put-back's decision, see vrrp.Hold
			}
			e = &entry{id: h.ID, prefix: p}
			n.kernel = append(n.kernel, e)
			n.tellHold(e, true)
		}
		if e.found {
			e.found = false
			n.world.checker.touch()
		}
		e.expires = 0
		if h.Lease > 0 {
			e.expires = n.world.now + h.Lease + expiryDelay
			n.planExpiry(e)
		}
	}
}

// planExpiry removes the entry at the end of its lease unless that moves.
func (n *node) planExpiry(e *entry) {
	ends := e.expires
	n.world.queue.plan(ends, func() {
		if e.expires == ends && n.kernel.find(e.id, e.prefix) == e {
			n.remove(e.id, e.prefix)
			n.world.note(n.name, "kernel: lease of "+e.prefix.String()+" ended")
			n.feed(&vrrp.LeaseLost{ID: e.id, Address: e.prefix})
		}
	})
}

// release removes addresses of a router.
func (n *node) release(r *vrrp.Release) {
	for _, p := range r.Addresses {
		n.remove(r.ID, p)
	}
}

func (n *node) remove(id vrrp.RouterID, p netip.Prefix) {
	if e := n.kernel.find(id, p); e != nil {
		n.kernel = slices.DeleteFunc(n.kernel, func(x *entry) bool { return x == e })
		n.tellHold(e, false)
	}
}

// tellHold tells who follows the addresses.
func (n *node) tellHold(e *entry, held bool) {
	n.world.checker.touch()
	if tell := n.world.opts.OnHold; tell != nil {
		tell(n.world.now, n.name, e.id.Interface, e.prefix, held)
	}
}
