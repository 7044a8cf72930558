package kernel

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"golang.org/x/sys/unix"
)

// snapshot is the kernel's addresses by interface index and IP address. The
// prefix length is left out: to its users an address is the same with any.
type snapshot map[spot]address

type spot struct {
	index int
	ip    netip.Addr
}

func (l *Links) snapshot() (snapshot, error) {
	all, err := l.opt.kernel.list()
	if err != nil {
		return nil, err
	}
	have := make(snapshot, len(all))
	for _, a := range all {
		at := spot{a.index, a.prefix.Addr()}
		// Of two prefix lengths, the one that is not ours decides whose it is.
		if other, ok := have[at]; !ok || other.proto == AddressProtocol {
			have[at] = a
		}
	}
	return have, nil
}

// look tells whether a virtual address is on an interface and whether the
// host uses it on its own account.
func (l *Links) look(have snapshot, index int, p place) (present, host bool) {
	a, found := have[spot{index, p.prefix.Addr()}]
	if !found {
		return false, false
	}
	ours := a.proto == AddressProtocol || !l.opt.keepsProto && l.table.owns(place{p.iface, a.prefix})
	return a.prefix == p.prefix, !ours
}

// want notes that the addresses of a Hold are to be ours, unless they are the
// host's, so that the store can say so before they exist.
func (l *Links) want(h *vrrp.Hold, have snapshot) {
	for _, part := range l.planParts(h) {
		index, err := l.opt.kernel.index(part.iface)
		if err != nil || l.void(h) {
			continue // holdAll comes to the same and reports it
		}
		if promotes(part.addresses, h.Lease) {
			if needed, err := l.promote.needed(part.iface, index); err == nil && needed {
				l.dirty = true
			}
		}
		for _, a := range part.addresses {
			p := place{part.iface, a}
			e, _ := l.table.get(p)
			if _, host := l.look(have, index, p); !e.owned && !host {
				e.owned, e.lease, l.dirty = true, h.Lease, true
				l.table.set(p, e)
			}
		}
	}
}

// holdAll puts the addresses of a Hold where they belong.
func (l *Links) holdAll(h *vrrp.Hold, have snapshot, err error) {
	if l.superseded(h) {
		return
	}
	for _, part := range l.planParts(h) {
		l.holdPart(h, part, have, err)
	}
	l.addPaths(h.ID)
}

// holdPart puts addresses of a Hold on one interface. An address that could
// not be added stays pending and is tried again.
func (l *Links) holdPart(h *vrrp.Hold, part part, have snapshot, err error) {
	index, indexErr := l.opt.kernel.index(part.iface)
	if indexErr == nil {
		l.gate(l.gates.open(part.iface, index))
	}
	if err = errors.Join(err, indexErr); err == nil && promotes(part.addresses, h.Lease) {
		err = l.promoteFirst(part.iface, index)
	}
	ended := false // leases that become permanent
	for _, a := range part.addresses {
		how := manner{h.Lease, l.settleSite(h.ID, a)}
		p := place{part.iface, a}
		e, _ := l.table.get(p)
		was := e.lease
		e.id, e.epoch, e.deadline = h.ID, h.Epoch, h.Deadline
		if !e.present {
			e.lease = h.Lease
		}
		e.wanted, e.pending, e.found, e.lost, e.due = true, true, false, false, time.Time{}
		switch {
		case err != nil:
			l.refused(p, &e, err)
		case !l.void(h):
			l.put(p, &e, index, how, have)
		}
		if e.pending {
			e.due = l.opt.now().Add(retryPause)
		}
		l.table.set(p, e)
		ended = ended || was > 0 && e.lease == 0
	}
	if ended {
		l.restoreIdle(part.iface)
	}
}

// promotes tells whether an address that may end takes others along unless
// secondaries are promoted, which only those of IPv4 do.
func promotes(addresses []netip.Prefix, lease time.Duration) bool {
	return lease > 0 && slices.ContainsFunc(addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
}

// promoteFirst makes the interface safe for leases; none is added without it.
func (l *Links) promoteFirst(iface string, index int) error {
	needed, err := l.promote.needed(iface, index)
	if err != nil || !needed {
		return err
	}
	return l.promote.set(iface, index)
}

// put adds an address, or refreshes it when it is there and ours, and leaves
// it alone when it is the host's.
func (l *Links) put(p place, e *entry, index int, how manner, have snapshot) {
	present, host := l.look(have, index, p)
	if host {
		l.leaveToHost(p, e)
		return
	}
	before := l.opt.now()
	change := l.opt.kernel.add
	if present {
		change = l.opt.kernel.refresh
	}
	err := change(index, p.prefix, how)
	if errors.Is(err, unix.EEXIST) {
		if host, err = l.collide(p, index, how); host {
			l.leaveToHost(p, e)
			return
		}
	}
	if err != nil {
		l.refused(p, e, err)
		return
	}
	l.dirty = l.dirty || !e.owned
	e.owned, e.present, e.host, e.pending = true, true, false, false
	e.index, e.lease, e.refreshed, e.due, e.err = index, how.lease, before, time.Time{}, ""
}

// collide resolves an address that appeared after the snapshot. Ours it can
// only be by its mark: this goroutine is the only one that adds any.
func (l *Links) collide(p place, index int, how manner) (host bool, err error) {
	have, err := l.snapshot()
	if err != nil {
		return false, err
	}
	if a, found := have[spot{index, p.prefix.Addr()}]; found && a.proto != AddressProtocol {
		return true, nil
	}
	return false, l.opt.kernel.refresh(index, p.prefix, how)
}

// leaveToHost notes that an address is the host's own.
func (l *Links) leaveToHost(p place, e *entry) {
	if !e.host {
		l.event(runner.AddressIsHosts, p, e, "on the interface, and not put there by vipd")
	}
	l.dirty = l.dirty || e.owned
	*e = entry{id: e.id, wanted: true, host: true, putBacks: e.putBacks}
}

// refused notes an error of the kernel, and reports it unless it is the same
// as before.
func (l *Links) refused(p place, e *entry, err error) {
	if e.err != err.Error() {
		e.err = err.Error()
		l.event(runner.AddressFailed, p, e, e.err)
	}
}

// refresh renews one address and reports whether it has to be added instead.
// One that vanished is not brought back here: that depends on why it did.
func (l *Links) refresh(h *vrrp.Hold, p place) (late bool) {
	e, _ := l.table.get(p)
	if !e.wanted || e.pending {
		return true
	}
	e.epoch, e.deadline = h.Epoch, h.Deadline
	now, was := l.opt.now(), e.lease
	// A lease that has ended must not be revived: the notice is on its way.
	lapsed := vrrp.LeaseEnded(vrrp.LifetimeUnknown, e.refreshed, e.lease, now)
	permanent := h.Lease == 0 && e.lease == 0
	if e.present && !e.lost && !lapsed && !permanent {
		if err := l.opt.kernel.refresh(e.index, p.prefix, manner{h.Lease, l.sites.of(h.ID, p.prefix)}); err != nil {
			l.refused(p, &e, err)
		} else {
			e.lease, e.refreshed, e.err = h.Lease, now, ""
		}
	}
	l.table.set(p, e)
	if was > 0 && e.lease == 0 {
		l.restoreIdle(p.iface)
		l.save()
	}
	return false
}

// event reports something about an address.
func (l *Links) event(kind runner.AddressEventKind, p place, e *entry, detail string) {
	l.opt.observe(runner.AddressEvent{Kind: kind, ID: e.id, Interface: p.iface, Address: p.prefix, Detail: detail})
}
