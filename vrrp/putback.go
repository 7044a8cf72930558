package vrrp

import (
	"math"
	"time"
)

// PutBackWindow is how long a removal of a virtual address counts.
const PutBackWindow = time.Minute

// putBackWaits says how long an address stays away after its first, second,
// … removal within PutBackWindow. From the removal after the last one on the
// address is contested: somebody else means it.
var putBackWaits = [...]time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second}

// PutBack decides when a virtual address that somebody else removed comes
// back. The zero value has seen no removal.
type PutBack struct {
	removed [len(putBackWaits) + 1]time.Time // the last removals, oldest first
	count   int
}

// Removed notes a removal. The address is to be put back after wait.
// Contested is set from the fifth removal in a minute on; every further try
// is then worth an alarm.
func (p *PutBack) Removed(now time.Time) (wait time.Duration, contested bool) {
	p.forget(now)
	if p.count == len(p.removed) {
		copy(p.removed[:], p.removed[1:])
		p.count--
	}
	p.removed[p.count] = now
	p.count++
	last := len(putBackWaits) - 1
	return putBackWaits[min(p.count-1, last)], p.count > len(putBackWaits)
}

// Contested tells whether five removals have happened within the last minute.
func (p *PutBack) Contested(now time.Time) bool {
	p.forget(now)
	return p.count == len(p.removed)
}

// forget drops the removals that count no more.
func (p *PutBack) forget(now time.Time) {
	old := 0
	for old < p.count && now.Sub(p.removed[old]) >= PutBackWindow {
		old++
	}
	copy(p.removed[:], p.removed[old:p.count])
	p.count -= old
}

// Lifetimes of an address in seconds, as the kernel reports them.
const (
	LifetimeUnknown int64 = -1
	LifetimeForever int64 = math.MaxUint32
)

// leaseFuzz is how early the kernel may end a lifetime, to spare a wake-up
// (ADDRCONF_TIMER_FUZZ, net/addrconf.h). Its notice then shows a second left.
const leaseFuzz = 250 * time.Millisecond

// LeaseEnded tells whether an address that vanished did so because its
// kernel lifetime ended, rather than by somebody's hand. Remaining is what
// the kernel's notice said was left of the lifetime, in seconds; an address
// removed by hand takes a remaining lifetime with it. Refreshed and lease are
// ours, lease 0 meaning permanent: past their end an address cannot have
// been removed by hand, whatever the notice said or if none came.
func LeaseEnded(remaining int64, refreshed time.Time, lease time.Duration, now time.Time) bool {
	if lease == 0 || remaining == LifetimeForever {
		return false
	}
	return remaining == 0 || now.Sub(refreshed) >= lease-leaseFuzz
}
