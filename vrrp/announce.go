package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

const (
	// announceEarly and announceSoon repeat the first announcement for
	// switches that were still learning and hosts that lost it.
	announceEarly = 250 * time.Millisecond
	announceSoon  = time.Second
	// announceMoved and those after it follow where the predecessor had the same
	// MAC address: what it still sent after our first announcement made the
	// switches look for us where it is.
	announceMoved = 10 * time.Millisecond
	announceStays = 50 * time.Millisecond
	announceLeft  = 100 * time.Millisecond
	// announceAfterLease is how long after the end of the predecessor's lease
	// the last block follows: hosts that asked while both answered may have
	// learned the wrong one.
	announceAfterLease = 500 * time.Millisecond
	// reannouncePause bounds how often a contesting master restarts the
	// announcement.
	reannouncePause = time.Second
)

// block is one planned announcement.
type block struct {
	at     time.Time
	repeat int
}

// announcement is the plan of a master's gratuitous ARPs, earliest first.
type announcement struct {
	blocks  [7]block
	n, done int
	started time.Time
	// refresh is the next announcement of a lasting master.
	refresh time.Time
	// extra is the next one of addresses whose MAC no advert shows.
	extra time.Time
	set   Announce
}

// plan schedules everything after the first block, which is sent at once.
// predecessor is the lease of the previous owner, zero when it had none;
// sameMAC tells that it had our MAC address.
func (a *announcement) plan(now time.Time, set Announce, predecessor time.Duration, sameMAC bool) {
	*a = announcement{started: now, set: set}
	if sameMAC {
		a.add(now.Add(announceMoved), 1)
		a.add(now.Add(announceStays), 1)
		a.add(now.Add(announceLeft), 1)
	}
	if set.Refresh > 0 {
		a.refresh = now.Add(set.Refresh)
	}
	if set.Extra > 0 {
		a.extra = now.Add(set.Extra)
	}
	a.add(now.Add(announceEarly), 1)
	a.add(now.Add(announceSoon), 1)
	if set.Delay > 0 {
		a.add(now.Add(set.Delay), set.Repeat)
	}
	if predecessor > 0 {
		a.add(now.Add(predecessor+announceAfterLease), set.Repeat)
	}
	slices.SortStableFunc(a.blocks[:a.n], func(x, y block) int { return x.at.Compare(y.at) })
}

func (a *announcement) add(at time.Time, repeat int) {
	a.blocks[a.n] = block{at, repeat}
	a.n++
}

// next returns when the next block is due, zero when none is left.
func (a *announcement) next() time.Time {
	lasting := earliest(a.refresh, a.extra)
	if a.done == a.n {
		return lasting
	}
	return earliest(a.blocks[a.done].at, lasting)
}

// takeExtra reports whether the addresses are due whose MAC no advert shows.
func (a *announcement) takeExtra(now time.Time) bool {
	if !due(a.extra, now) {
		return false
	}
	a.extra = now.Add(a.set.Extra)
	return true
}

// take removes the blocks that are due and returns the repetitions to send
// now. Blocks that were missed are not made up for one by one.
func (a *announcement) take(now time.Time) (repeat int) {
	if due(a.refresh, now) {
		repeat, a.refresh = a.set.RefreshRepeat, now.Add(a.set.Refresh)
	}
	for a.done < a.n && due(a.blocks[a.done].at, now) {
		repeat = max(repeat, a.blocks[a.done].repeat)
		a.done++
	}
	return repeat
}

// extras are the addresses that Announce.Extra is for.
func (c *Config) extras() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range c.Held() {
		if c.Announce.ExtraAll || c.VMAC.FromBase && c.CarrierOf(p) == c.VMAC.Name {
			out = append(out, p)
		}
	}
	return out
}

// announce sends the first block and plans the others.
func (r *router) announce(now time.Time) {
	r.announceAs(now, r.cfg.Announce)
}

func (r *router) announceAs(now time.Time, set Announce) {
	r.gratuitousBlock(r.held, set.Repeat)
	r.planAs(now, set)
}

func (r *router) planAnnouncements(now time.Time) { r.planAs(now, r.cfg.Announce) }

func (r *router) planAs(now time.Time, set Announce) {
	r.announced.plan(now, set, r.leaseTime, r.cfg.VMAC.Name != "")
}

// reannounce announces again after another master was heard and beaten: its
// own announcements may have moved hosts and switches to it.
func (r *router) reannounce(now time.Time) {
	set := r.cfg.Announce
	if set.LowerRepeat < 0 || now.Sub(r.announced.started) < reannouncePause {
		return
	}
	if set.LowerRepeat > 0 {
		set.Repeat, set.Delay = set.LowerRepeat, set.LowerDelay
	}
	r.announceAs(now, set)
}
