package kernel

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

const (
	// burst bounds the refreshes sent without a pause: each one is a notice to
	// every rtnetlink listener of the host, whose default buffer holds 256.
	burst = 64
	// burstPause follows a full burst.
	burstPause = 5 * time.Millisecond
	// retryPause follows a change that the kernel refused.
	retryPause = time.Second
)

// run is the writer's loop.
func (l *Links) run() {
	defer close(l.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if wait, pending := l.turn(); !pending {
			timer.Stop()
		} else {
			timer.Reset(wait)
		}
		select {
		case <-l.stop:
			return
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// turn does everything urgent and at most one burst of the rest. It returns
// how long to wait for the next turn, if there is anything to wait for.
func (l *Links) turn() (wait time.Duration, pending bool) {
	l.works(true)
	defer l.works(false)
	for {
		jobs := l.takeUrgent()
		if len(jobs) == 0 {
			break
		}
		l.carryOut(jobs)
	}
	var again time.Time
	if losses, missed := l.takeLosses(); len(losses) > 0 || missed {
		again = l.examine(losses, missed)
	}
	l.examinePaths()
	next := earlier(again, l.retryDue())
	next = earlier(next, l.retryPaths())
	if l.renewSome() {
		return burstPause, true
	}
	return max(0, next.Sub(l.opt.now())), !next.IsZero()
}

// earlier returns the earlier of two times that are to come, zero meaning never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (l *Links) takeUrgent() []job {
	l.mu.Lock()
	defer l.mu.Unlock()
	jobs := l.urgent
	l.urgent = nil
	return jobs
}

func (l *Links) takeLosses() ([]loss, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	losses, missed := l.losses, l.verify
	l.losses, l.verify = nil, false
	return losses, missed
}

// carryOut does a batch of urgent jobs in order.
func (l *Links) carryOut(jobs []job) {
	have, err := l.snapshotFor(jobs)
	for _, j := range jobs {
		switch {
		case j.plan != nil:
			l.sites.planned = j.plan
			l.gate(l.gates.planned(j.plan, l.table.leased))
		case j.hold != nil && err == nil: // whose an address is that is there is known
			l.want(j.hold, have)
		}
	}
	l.save()
	for _, j := range jobs {
		switch {
		case j.hold != nil:
			l.holdAll(j.hold, have, err)
		case j.release != nil:
			l.releaseAll(j.release)
		case j.announce != nil:
			l.announcePresent(j.announce)
		case j.paths != nil:
			l.planPaths(j.paths)
		case j.claim != nil:
			l.settle(j.claim)
		case j.barrier != nil:
			l.removeRefused()
			l.save()
			close(j.barrier)
		}
	}
	l.save()
}

// gate reports that a gate could not be changed: a backup may take frames that
// are the master's, or a master none.
func (l *Links) gate(err error) {
	if err != nil {
		l.opt.observe(failure("", err))
	}
}

// snapshotFor lists the kernel's addresses when one of the jobs needs them.
func (l *Links) snapshotFor(jobs []job) (snapshot, error) {
	if !slices.ContainsFunc(jobs, func(j job) bool { return j.hold != nil }) {
		return nil, nil
	}
	return l.snapshot()
}

// renewSome refreshes up to a burst of addresses and reports whether more
// are waiting. Those never added so far are added now.
func (l *Links) renewSome() (more bool) {
	some, more := l.takeRenewals()
	began, done := l.opt.now(), 0
	for _, h := range some {
		done += len(h.Addresses)
		late := *h
		late.Addresses = nil
		for _, a := range h.Addresses {
			if l.void(h) {
				break
			}
			if l.refresh(h, l.sites.place(h.ID, a)) {
				late.Addresses = append(late.Addresses, a)
			}
		}
		if len(late.Addresses) > 0 {
			l.carryOut([]job{{hold: &late}})
		}
	}
	if done > 0 {
		l.tellCost(l.opt.now().Sub(began) / time.Duration(done))
	}
	return more
}

// takeRenewals cuts a burst from the waiting refreshes.
func (l *Links) takeRenewals() (some []*vrrp.Hold, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for room := burst; room > 0 && len(l.renewing) > 0; {
		n := l.renewing[0]
		part := *n.hold
		part.Addresses = nil
		for ; n.left > 0 && room > 0; n.left, room = n.left-1, room-1 {
			part.Addresses = append(part.Addresses, n.hold.Addresses[n.at])
			n.at = (n.at + 1) % len(n.hold.Addresses)
		}
		some = append(some, &part)
		if n.left == 0 {
			l.renewing = l.renewing[1:]
		}
	}
	return some, len(l.renewing) > 0
}

// announcePresent passes on the addresses that are here: announcing another
// would draw traffic to where nobody answers.
func (l *Links) announcePresent(g *vrrp.Gratuitous) {
	g.Addresses = slices.DeleteFunc(g.Addresses, func(a netip.Prefix) bool {
		e, ok := l.table.get(l.sites.place(g.ID, a))
		return !ok || !e.present && !e.host
	})
	for _, part := range l.usedParts(g.ID, g.Addresses) {
		one := *g
		one.Addresses = part.addresses
		l.announceNow(part.iface, &one)
		for _, extra := range g.Interfaces {
			l.announceNow(extra, &one)
		}
	}
}

// announceNow hands an announcement over unless its router has released its
// addresses since. A Release that comes meanwhile waits for the lock, so that
// cancelling after it finds every announcement.
func (l *Links) announceNow(iface string, g *vrrp.Gratuitous) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.Epoch >= l.epochs[g.ID] {
		l.opt.announce(iface, g)
	}
}

// save writes the store when the table's ownership changed. An error is
// reported and tried again with the next change; addresses matter more.
func (l *Links) save() {
	if !l.dirty {
		return
	}
	content := stored{Addresses: []storedAddress{}, Promote: maps.Clone(l.promote.before)}
	for _, p := range l.table.places(func(e entry) bool { return e.owned }) {
		content.Addresses = append(content.Addresses, storedAddress{Interface: p.iface, Address: p.prefix})
	}
	content.Paths = l.storedPaths()
	if err := l.opt.save(content); err != nil {
		l.opt.observe(failure("", err))
		return
	}
	l.dirty = false
}
