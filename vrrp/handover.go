package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// HandOver says how a master leaves.
type HandOver uint8

// Ways of leaving.
const (
	// HandOverImmediate is RFC 9568 §6.4.3, event Shutdown: priority 0, then
	// the addresses go. Nobody serves until a backup's skew has run out.
	HandOverImmediate HandOver = iota
	// HandOverGraceful is priority 0, then service goes on until a successor
	// has taken over or LeaveBound ends.
	HandOverGraceful
)

// String returns the configuration word.
func (h HandOver) String() string {
	if h == HandOverGraceful {
		return "graceful"
	}
	return "immediate"
}

const (
	// successorGrace is how long after its first advert a successor begins to
	// announce its addresses, and how long after one the next one comes.
	successorGrace = 50 * time.Millisecond
	// addressGrace is what it takes more for each address on a busy machine, twice
	// over: keepalived puts all of them up before it announces the first one. An
	// idle one takes a hundredth of it, and says so.
	addressGrace = 20 * time.Millisecond
	// leastReserve is the least time beyond the longest skew that a
	// successor gets to be heard.
	leastReserve = 250 * time.Millisecond
	// longestHandOver bounds every hand-over, so that a stop has an end.
	longestHandOver = 10 * time.Second
)

// HandOverBound returns how long a leaving master waits for a successor to be
// heard: the skew of the lowest priority and half an interval, at least 250 ms,
// for its advert; 10 s at most.
func HandOverBound(version uint8, interval time.Duration) time.Duration {
	return min(SkewTime(version, 1, interval)+max(leastReserve, interval/2), longestHandOver)
}

// LeaveBound returns how long the router may take to leave as master: until a
// successor is heard, and until that has taken over; 10 s at most.
func (c *Config) LeaveBound() time.Duration {
	if c.HandOver == HandOverImmediate {
		return 0
	}
	return min(HandOverBound(c.Version, c.AdvertInterval)+c.successorTime(), longestHandOver)
}

// successorTime is how long after its first advert a successor has put up and
// begun to announce its addresses. One with our MAC address gets none: switches
// would see that on two ports.
func (c *Config) successorTime() time.Duration {
	if c.VMAC.Name != "" {
		return 0
	}
	return successorGrace + time.Duration(max(0, len(c.Addresses)+len(c.Excluded)-1))*addressGrace
}

// handOver is a master that has said that it leaves and serves on until
// somebody else does. The zero value means that none is under way.
type handOver struct {
	to  State // where it leads
	why cause
	// resume is set when the router stays master if nobody takes over.
	resume bool
	began  time.Time
	// end is when nobody will be heard any more, or when the successor is ready,
	// and until the latest time for that.
	end, until time.Time
	successor  neighbour
	// ready is when the successor has put up and announced its addresses.
	ready time.Time
	// announced are those of our addresses that somebody else announced.
	announced []netip.Addr
}

func (h *handOver) active() bool { return !h.began.IsZero() }

// graceful reports whether the router leaves by a hand-over. It takes an
// interface that carries adverts, and addresses that may be held for longer:
// a strict lease never has two owners.
func (r *router) graceful() bool {
	return r.state == StateMaster && r.cfg.HandOver == HandOverGraceful && r.lease != LeaseStrict && r.usable()
}

// beginHandOver says priority 0 and keeps serving, silently. A hand-over that
// is under way already only gets a new end: a second priority 0 would restart
// the skew of the peers.
func (r *router) beginHandOver(now time.Time, to State, why cause, resume bool) {
	if r.handing.active() {
		r.handing.to, r.handing.why, r.handing.resume = to, why, resume
		return
	}
	r.resign()
	r.deadline, r.announced = time.Time{}, announcement{}
	r.handing = handOver{
		to: to, why: why, resume: resume, began: now,
		end: now.Add(HandOverBound(r.cfg.Version, r.cfg.AdvertInterval)), until: now.Add(r.cfg.LeaveBound()),
	}
	h := r.engine.out.handOvers.take()
	*h = HandingOver{ID: r.cfg.ID, Addresses: r.held, Until: r.handing.until}
	r.engine.out.add(h)
}

// hearSuccessor notes that somebody else serves: any advert but priority 0,
// from a lower priority too. The addresses go when it has announced them.
func (r *router) hearSuccessor(now time.Time, from neighbour) {
	if from.priority == 0 {
		return
	}
	if !r.handing.successor.addr.IsValid() {
		r.handing.ready = now.Add(r.cfg.successorTime())
	}
	r.handing.successor = from
	r.checkAnnounced(now)
}

// hearAnnounced notes that another host announced an address. Others follow.
func (r *router) hearAnnounced(now time.Time, a netip.Addr) {
	ours := slices.ContainsFunc(r.held, func(p netip.Prefix) bool { return p.Addr() == a })
	if ours && r.handing.active() && !slices.Contains(r.handing.announced, a) {
		r.handing.announced = append(r.handing.announced, a)
		if next := now.Add(successorGrace); r.handing.successor.addr.IsValid() && r.cfg.VMAC.Name == "" && next.After(r.handing.ready) {
			r.handing.ready = next
		}
		r.checkAnnounced(now)
	}
}

// checkAnnounced brings the end of the hand-over forward: to when the
// successor has announced all of our addresses, or had the time to. A group
// ends together, when every member has a successor.
func (r *router) checkAnnounced(now time.Time) {
	if r.handing.successor.addr.IsValid() && len(r.handing.announced) == len(r.held) {
		r.handing.ready = earliest(r.handing.ready, now)
	}
	members := []*router{r}
	if r.group != nil {
		members = r.group.members
	}
	var last time.Time
	for _, m := range members {
		if !m.handing.active() {
			continue
		}
		if m.handing.ready.IsZero() {
			return
		}
		if m.handing.ready.After(last) {
			last = m.handing.ready
		}
	}
	for _, m := range members {
		if m.handing.active() {
			m.handing.end = earliest(m.handing.until, last)
			m.reschedule()
		}
	}
}

// endHandOver gives the addresses up, to a successor or to nobody.
func (r *router) endHandOver(now time.Time) {
	h := r.handing
	switch {
	case h.successor.addr.IsValid():
		h.why.peer = h.successor
		h.why.detail = joinDetail(h.why.detail, fmt.Sprintf("handed over to %s after %v", h.successor.addr, h.successor.heard.Sub(h.began)))
	case h.resume && !r.groupHandsOver():
		r.resumeMaster(now)
		return
	default:
		h.why.detail = joinDetail(h.why.detail, "nobody took over")
	}
	r.release(r.held)
	r.idle()
	r.forgetMaster()
	if h.to == StateBackup {
		r.deadline = now.Add(r.masterDown())
	}
	r.transition(now, h.to, h.why)
	if h.to == StateBackup && h.successor.addr.IsValid() {
		r.obey(now, h.successor)
	}
	if h.to == StateFault {
		r.reconsider(now)
	}
}

// groupHandsOver reports whether another member of the group has a successor:
// then this one must not stay master alone.
func (r *router) groupHandsOver() bool {
	if r.group == nil {
		return false
	}
	return slices.ContainsFunc(r.group.members, func(m *router) bool {
		return m.state != StateMaster || m.handing.successor.addr.IsValid()
	})
}

// resumeMaster takes mastership back when nobody wanted it.
func (r *router) resumeMaster(now time.Time) {
	r.handing = handOver{}
	r.sendAdvert(r.priority)
	r.deadline = now.Add(r.cfg.AdvertInterval)
	r.announce(now)
	r.report(ReportNoSuccessor, netip.Addr{}, "nobody took over; still master")
}

func joinDetail(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// leaving reports whether a stopped engine still hands over.
func (e *Engine) leaving() bool {
	return e.stopped && slices.ContainsFunc(e.order, func(r *router) bool { return r.handing.active() })
}

// announced tells the routers of an interface that somebody else announced an
// address.
func (e *Engine) announced(now time.Time, ev *Announced) {
	for _, r := range e.order {
		if r.iface.name == ev.Interface {
			r.hearAnnounced(now, ev.Address)
			e.agenda.update(r)
		}
	}
}
