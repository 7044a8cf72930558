package vrrp

import "time"

const (
	// leastPeriod is how often a heal lease is renewed where that costs
	// little. Refreshing 2,284 IPv4 addresses takes 16 ms.
	leastPeriod = time.Second
	// idleShare is how much longer than the work the period is at least: the
	// kernel, and everybody who listens to address changes, stays 98 % idle.
	// Refreshing many IPv6 addresses takes time by the square of their number.
	idleShare = 50
	// minHeal bounds heal leases from below, so that short intervals do not
	// turn a scheduling hiccup into a lost address.
	minHeal = 5 * time.Second
	// expirySlack is how much later than asked the kernel removes an address.
	expirySlack = 200 * time.Millisecond
	// writeSlack is the least time a strict refresh has to reach the kernel.
	writeSlack = 100 * time.Millisecond
)

// LeaseTime returns the kernel lifetime of a virtual address in whole seconds,
// zero for a permanent one. LeaseAuto must be resolved before.
//
// A heal lease outlives the takeover by the slowest backup: it is the longest
// master-down interval of any priority rounded up, a refresh period and one
// second, at least 5 s. A strict lease ends, with the kernel's own delay,
// before the fastest backup (priority 254) can take over; it needs intervals
// of one second or more.
//
// It is for the shortest refresh period; a longer one makes it longer.
func LeaseTime(mode LeaseMode, interval time.Duration) time.Duration {
	return leaseTime(mode, &Config{AdvertInterval: interval}, leastPeriod)
}

// HealLease is LeaseTime of a heal lease for this router.
func (c *Config) HealLease() time.Duration { return leaseTime(LeaseHeal, c, leastPeriod) }

// RefreshPeriod returns how often heal leases are renewed, in whole seconds,
// when renewing all of a director's addresses once takes cost.
func RefreshPeriod(cost time.Duration) time.Duration {
	return max(leastPeriod, (idleShare*cost + time.Second - 1).Truncate(time.Second))
}

func leaseTime(mode LeaseMode, c *Config, period time.Duration) time.Duration {
	switch mode {
	case LeaseHeal:
		// Version 3 skews at least as long as version 2, which has no
		// intervals below one second.
		longest := c.SilentFor(c.AdvertInterval) + SkewTime(3, 1, c.AdvertInterval)
		return max(minHeal, (longest+time.Second-1).Truncate(time.Second)+period+time.Second)
	case LeaseStrict:
		return max(time.Second, (fastestTakeover(c) - expirySlack - writeSlack).Truncate(time.Second))
	}
	return 0
}

// fastestTakeover returns how soon after an advert a backup of priority 254
// may become master. Version 2 skews by a share of one second, version 3 by a
// share of the interval; the shorter counts.
func fastestTakeover(c *Config) time.Duration {
	return c.SilentFor(c.AdvertInterval) + SkewTime(3, 254, min(c.AdvertInterval, time.Second))
}

// holdFor returns how long after its decision a Hold of a lease may still be
// written: a later one could keep an address that somebody else already owns.
func holdFor(mode LeaseMode, c *Config, period time.Duration) time.Duration {
	lease := leaseTime(mode, c, period)
	if mode == LeaseStrict {
		return max(writeSlack, min(lease/2, fastestTakeover(c)-expirySlack-lease))
	}
	return min(period, lease/2)
}

// leaseMode resolves LeaseAuto: an address may only end by itself when
// somebody else could take it over.
func (r *router) leaseMode() LeaseMode {
	switch {
	case r.cfg.Lease != LeaseAuto:
		return r.cfg.Lease
	case r.cfg.Peers || r.heard:
		return LeaseHeal
	}
	return LeaseOff
}

// updateLease puts a changed lease mode or time in force and reports whether
// there was a change: a master must then hold its addresses anew.
func (r *router) updateLease() bool {
	mode := r.leaseMode()
	lease := leaseTime(mode, &r.cfg, r.engine.period)
	if mode == r.lease && lease == r.leaseTime {
		return false
	}
	if mode != r.lease {
		r.report(ReportLeaseMode, r.master.addr, r.lease.String()+" → "+mode.String())
	}
	r.lease, r.leaseTime = mode, lease
	return true
}

// hold asks for the addresses and plans the next refresh. Strict leases are
// refreshed after adverts instead of by a timer of their own.
func (r *router) hold(now time.Time, refresh bool) {
	h := r.engine.out.holds.take()
	*h = Hold{
		ID:          r.cfg.ID,
		Addresses:   r.held,
		Epoch:       r.epoch,
		Lease:       r.leaseTime,
		Refresh:     refresh,
		AfterAdvert: r.lease == LeaseStrict,
	}
	if r.leaseTime > 0 {
		h.Deadline = now.Add(holdFor(r.lease, &r.cfg, r.engine.period))
	}
	r.engine.out.add(h)
	r.refresh = time.Time{}
	if r.lease == LeaseHeal {
		r.refresh = now.Add(r.engine.period)
	}
}

// refreshCost adapts the refresh period to what refreshing costs. Leases that
// get longer do so at once: the next refresh may come after the present one
// would have ended.
func (e *Engine) refreshCost(now time.Time, cost time.Duration) {
	period := RefreshPeriod(cost)
	if period == e.period {
		return
	}
	e.period = period
	for _, r := range e.order {
		if r.updateLease() && r.state == StateMaster {
			r.hold(now, true)
			e.agenda.update(r)
		}
	}
}
