package kernel

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// loss is the kernel's notice that an address went.
type loss struct {
	iface     string
	index     int
	prefix    netip.Prefix
	port      uint32 // netlink port of who asked for it, 0 for the kernel itself
	remaining int64  // seconds of lifetime that were left
}

// staleRecheck is how often an address that should come back is looked at
// while its router has not confirmed that it still owns it.
const staleRecheck = 250 * time.Millisecond

// contestedPause is how long a contested address stays away, and how long
// after a failed try the next one follows.
const contestedPause = 5 * time.Second

// examine finds out what became of our addresses. Notices are old news: what
// counts is whether the address is there now. While that cannot be found out they
// are kept; again is when it is tried next.
func (l *Links) examine(losses []loss, missed bool) (again time.Time) {
	have, err := l.snapshot()
	if err != nil {
		l.opt.observe(failure("", err))
		l.keepLosses(losses, missed)
		return l.opt.now().Add(retryPause)
	}
	who := l.namer()
	for _, n := range losses {
		p := place{n.iface, n.prefix}
		e, known := l.table.get(p)
		if !known || !e.owned || e.index != n.index {
			continue
		}
		present, _ := l.look(have, n.index, p)
		if n.port == l.opt.port && present {
			continue // removed and added again by ourselves
		}
		l.gone(p, e, n.remaining, present, func() string { return who(n.port) })
	}
	if missed {
		l.examineAll(have)
	}
	l.save()
	return time.Time{}
}

// keepLosses puts notices back that say nothing yet.
func (l *Links) keepLosses(losses []loss, missed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.losses, l.verify = append(losses, l.losses...), l.verify || missed
}

// examineAll finds addresses that went without a notice.
func (l *Links) examineAll(have snapshot) {
	for _, p := range l.table.places(func(e entry) bool { return e.owned && e.present }) {
		e, _ := l.table.get(p)
		if present, _ := l.look(have, e.index, p); !present {
			l.gone(p, e, vrrp.LifetimeUnknown, false, unnoticed)
		}
	}
}

// unnoticed is who removed what went without a notice.
func unnoticed() string { return "somebody; the notice was missed" }

// namer names the owners of netlink ports, each once: that means looking at all
// processes, and one of them may remove hundreds of addresses at once.
func (l *Links) namer() func(port uint32) string {
	known := make(map[uint32]string)
	return func(port uint32) string {
		if known[port] == "" {
			known[port] = l.opt.who(port)
		}
		return known[port]
	}
}

// gone decides about one address of ours that was removed. Present tells
// that a refresh has brought it back in the meantime, by who removed it.
func (l *Links) gone(p place, e entry, remaining int64, present bool, by func() string) {
	now := l.opt.now()
	e.present = present
	switch {
	case !e.wanted:
		if !present {
			l.drop(p, e)
			l.restoreIdle(p.iface)
		}
		return
	case e.lost:
		return
	case vrrp.LeaseEnded(remaining, e.refreshed, e.lease, now):
		e.lost = true
		l.table.set(p, e)
		l.event(runner.AddressLapsed, p, &e, "the kernel removed it after "+e.lease.String()+" without a refresh")
		l.opt.feed(&vrrp.LeaseLost{ID: e.id, Address: p.prefix})
		return
	}
	if index, err := l.opt.kernel.index(p.iface); err != nil || index != e.index {
		l.table.set(p, e) // it went with its interface, which is an event of its own
		return
	}
	l.removed(p, e, now, by())
}

// removed handles an address that somebody removed by hand.
func (l *Links) removed(p place, e entry, now time.Time, by string) {
	wait, contested := e.putBack.Removed(now)
	l.event(runner.AddressRemoved, p, &e, "removed by "+by)
	if contested {
		l.event(runner.AddressDisputed, p, &e, disputed(by, wait))
	}
	if e.present {
		l.returned(p, &e)
	} else {
		e.due = now.Add(wait)
	}
	l.table.set(p, e)
}

// disputed words what is known of a contest, for addresses, routes and rules.
func disputed(by string, wait time.Duration) string {
	return fmt.Sprintf("removed five times in a minute, now by %s; next try in %s", by, wait)
}

// returned reports and announces an address that is back.
func (l *Links) returned(p place, e *entry) {
	e.putBacks++
	l.addPaths(e.id) // those that had it as source went with it
	l.event(runner.AddressPutBack, p, e, "")
	l.announceNow(p.iface, &vrrp.Gratuitous{
		ID: e.id, Addresses: []netip.Prefix{p.prefix}, Repeat: vrrp.DefaultGARPRepeat, Epoch: e.epoch,
	})
}

// retryDue does what is due by time: putting addresses back, and what the
// kernel refused to add or remove before. It returns when the next one is.
func (l *Links) retryDue() (next time.Time) {
	now := l.opt.now()
	for _, p := range l.table.places(func(e entry) bool { return !e.due.IsZero() }) {
		e, _ := l.table.get(p)
		switch {
		case e.due.After(now):
		case !e.wanted:
			l.takeAway(p)
			l.restoreIdle(p.iface)
		case e.stale(now):
			e.due = now.Add(staleRecheck)
			l.table.set(p, e)
		case e.pending:
			l.carryOut([]job{{hold: &vrrp.Hold{
				ID: e.id, Addresses: []netip.Prefix{p.prefix}, Epoch: e.epoch, Lease: e.lease, Deadline: e.deadline,
			}}})
		default:
			l.tryPutBack(p, e)
		}
		if e, ok := l.table.get(p); ok && !e.due.IsZero() && (next.IsZero() || e.due.Before(next)) {
			next = e.due
		}
	}
	l.save()
	return next
}

// tryPutBack adds an address again that somebody removed.
func (l *Links) tryPutBack(p place, e entry) {
	e.due = l.opt.now().Add(contestedPause)
	have, err := l.snapshot()
	if err == nil && promotes([]netip.Prefix{p.prefix}, e.lease) {
		err = l.promoteFirst(p.iface, e.index)
	}
	if err != nil {
		l.refused(p, &e, err)
	} else {
		l.put(p, &e, e.index, manner{e.lease, l.sites.of(e.id, p.prefix)}, have)
	}
	if e.present {
		l.returned(p, &e)
	}
	l.table.set(p, e)
}

// failure is an event about an interface, or about the host when it is empty.
func failure(iface string, err error) runner.AddressEvent {
	return runner.AddressEvent{Kind: runner.AddressFailed, Interface: iface, Detail: err.Error()}
}
