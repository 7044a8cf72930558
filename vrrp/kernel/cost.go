package kernel

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// refreshCost is what refreshing one address takes, on average over the last
// bursts.
type refreshCost struct {
	each time.Duration
	told time.Duration // refresh period that the engine was told last
}

// costWeight divides the share of a new measurement in the average: one burst
// that was interrupted must not change the period.
const costWeight = 4

// note takes a measurement of one address and returns the cost of n of them;
// tell is set when it makes for another refresh period. A shorter one must be
// worth it, so that the period does not swing.
func (c *refreshCost) note(each time.Duration, n int) (cost time.Duration, tell bool) {
	if c.told == 0 {
		c.each, c.told = each, vrrp.RefreshPeriod(0)
	}
	c.each += (each - c.each) / costWeight
	cost = time.Duration(n) * c.each
	if period := vrrp.RefreshPeriod(cost); period > c.told || vrrp.RefreshPeriod(2*cost) < c.told {
		c.told = period
		return cost, true
	}
	return cost, false
}

// tellCost feeds the cost of refreshing all leased addresses when it matters.
func (l *Links) tellCost(each time.Duration) {
	leased := l.table.places(func(e entry) bool { return e.present && e.lease > 0 })
	if cost, tell := l.cost.note(each, len(leased)); tell {
		l.opt.feed(&vrrp.RefreshCost{Cost: cost})
	}
}
