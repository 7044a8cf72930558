package kernel

import (
	"github.com/vipd/vipd/vrrp"
)

// releaseAll takes away those addresses of a router that are ours.
func (l *Links) releaseAll(r *vrrp.Release) {
	parts := l.usedParts(r.ID, r.Addresses)
	for _, a := range r.Addresses {
		l.sites.unuse(heldAddress{r.ID, a})
	}
	if l.sites.none(r.ID) {
		l.dropPaths(r.ID)
	}
	for _, part := range parts {
		if !l.sites.holds(part.iface) {
			// First: the kernel tells of every address that leaves.
			l.gate(l.gates.shut(part.iface))
		}
		gone := part.addresses[:0]
		for _, a := range part.addresses {
			if p := (place{part.iface, a}); !l.leaveToOther(p) {
				l.takeAway(p)
				gone = append(gone, a)
			}
		}
		l.opt.handOn(part.iface, gone)
		l.restoreIdle(part.iface)
	}
}

// leaveToOther leaves an address to another router that holds it, too, and reports
// whether there is one.
func (l *Links) leaveToOther(p place) bool {
	id, found := l.sites.holder(p)
	if e, known := l.table.get(p); found && known {
		l.mu.Lock()
		e.id, e.epoch = id, l.epochs[id]
		l.mu.Unlock()
		l.table.set(p, e)
	}
	return found
}

// takeAway removes one address if it is ours. When the kernel refuses, it is
// tried again later; until then it stays ours.
func (l *Links) takeAway(p place) {
	e, known := l.table.get(p)
	if !known {
		return
	}
	if e.owned && e.index != 0 {
		if err := l.opt.kernel.remove(e.index, p.prefix); err != nil {
			l.refused(p, &e, err)
			e.wanted, e.found, e.pending, e.due = false, false, false, l.opt.now().Add(retryPause)
			l.table.set(p, e)
			return
		}
	}
	l.drop(p, e)
}

// drop forgets an address that is gone or not ours.
func (l *Links) drop(p place, e entry) {
	l.dirty = l.dirty || e.owned
	l.table.delete(p)
}

// restoreIdle gives an interface without leases its setting back.
func (l *Links) restoreIdle(iface string) {
	if l.table.leased(iface) {
		return
	}
	changed, err := l.promote.restore(iface)
	l.dirty = l.dirty || changed
	if err != nil {
		l.opt.observe(failure(iface, err))
	}
}

// adopt fills the table with what an earlier life left: addresses that carry
// our mark, or stand in the store where the kernel keeps no mark. Nothing is
// changed: Holds and Releases decide. Settings of interfaces on which nothing
// is left are restored.
func (l *Links) adopt(content stored, have []address, names map[int]string) {
	recorded := make(map[place]bool)
	for _, a := range content.Addresses {
		recorded[place{a.Interface, a.Address}] = true
	}
	for _, a := range have {
		p := place{names[a.index], a.prefix}
		if isOurs(a, recorded[p], l.opt.keepsProto) {
			l.table.set(p, entry{owned: true, recorded: recorded[p], found: true, present: true, index: a.index})
		}
	}
	for _, p := range content.Paths {
		l.left.Routes, l.left.Rules = append(l.left.Routes, p.Routes...), append(l.left.Rules, p.Rules...)
	}
	for iface, old := range content.Promote {
		l.promote.before[iface] = old
	}
	for iface := range content.Promote {
		l.restoreIdle(iface)
	}
	l.dirty = true
}

// isOurs tells whether an address found on an interface was added by vipd.
func isOurs(a address, recorded, keepsProto bool) bool {
	return a.proto == AddressProtocol || recorded && !keepsProto
}

// settle gives found addresses to the routers that claim them. Of the others
// those in our record are removed: their router left the configuration while
// no vipd was running. One that only carries the mark may belong to another
// vipd of this host.
func (l *Links) settle(owners map[place]vrrp.RouterID) {
	for _, p := range l.table.places(func(e entry) bool { return e.found }) {
		e, _ := l.table.get(p)
		id, claimed := owners[p]
		switch {
		case claimed:
			e.id = id
			l.table.set(p, e)
		case e.recorded:
			l.takeAway(p)
			l.restoreIdle(p.iface)
		default:
			l.drop(p, e)
		}
	}
}
