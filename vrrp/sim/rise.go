package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// ahSequence is where an authentication header has its number.
const ahSequence = 8

// sound is a kind of advert that reaches a router.
type sound int

const (
	lower  sound = iota // of a lower priority than its own
	better              // of the same or a higher one
	zero                // of a master that leaves
	sounds
)

// ear notes what reaches a router by the network, whatever its engine makes of
// it.
type ear struct {
	last [sounds]time.Duration // when one was last heard
	// asleep are those that wait in the sockets of a paused daemon.
	asleep [sounds]bool
	// interval is that of the last master that was heard.
	interval time.Duration
	// heard and sent are the highest numbers of authentication headers: what is
	// not above them must be taken for a repetition.
	heard, sent uint32
}

// fresh notes the number of an authentication header and reports whether it is
// no repetition.
func (e *ear) fresh(number uint32) bool {
	if number <= e.heard || number < e.sent {
		return false
	}
	e.heard = number
	return true
}

// utterance is what an advert says.
type utterance struct {
	priority uint8
	number   uint32 // of its authentication header, 0 without one
}

// utter notes that a router of the node sends an advert.
func (n *node) utter(a *vrrp.SendAdvert) utterance {
	u := utterance{priority: a.Priority}
	if a.AH {
		header := int(a.Payload[0]&0xf) * 4
		u.number = binary.BigEndian.Uint32(a.Payload[header+ahSequence:])
	}
	if m, ok := n.member(a.ID); ok {
		n.ear(m.config).sent = u.number
	}
	n.uttered[a.ID] = a.Priority
	return u
}

// overhear notes that an advert of a router with the settings from, nil for one
// that is no longer configured, reaches a router of the node.
func (n *node) overhear(id vrrp.RouterID, from *vrrp.Config, said utterance) {
	m, ok := n.member(id)
	if !ok || n.engine == nil || from != nil && !m.understands(member{config: from}) {
		return
	}
	own := m.priority
	if n.paused {
		own = m.sum // as it will be when the daemon comes to hear of it
	}
	e, s := n.ear(m.config), lower
	switch {
	case !n.paused && m.state() == vrrp.StateFault:
		return // it is deaf: not even the number counts
	case said.number != 0 && !e.fresh(said.number):
		return
	case said.priority == 0:
		s = zero
	case said.priority >= own():
		s = better
	}
	if from != nil {
		e.interval = from.AdvertInterval
	}
	e.last[s], e.asleep[s] = n.world.now, n.paused
}

// member returns the part of a running router in the world.
func (n *node) member(id vrrp.RouterID) (m member, ok bool) {
	for i := range n.running {
		if n.running[i].ID == id {
			return member{n, &n.running[i]}, true
		}
	}
	return member{}, false
}

// ear returns the ear of a router.
func (n *node) ear(c *vrrp.Config) *ear {
	e := n.ears[c.ID]
	if e == nil {
		e = &ear{last: [sounds]time.Duration{never, never, never}, interval: c.AdvertInterval}
		n.ears[c.ID] = e
	}
	return e
}

// awaken lets a daemon that goes on hear what came in the meantime. A priority 0
// that it had heard before is as fresh as it was: it could do nothing about it.
// So is the end of an order, whose hand-over does not end while it sleeps.
func (n *node) awaken() {
	now := n.world.now
	n.woke = now
	for id, at := range n.lifted {
		n.lifted[id] = at + now - max(at, n.slept)
	}
	for _, e := range n.ears {
		for s := range e.last {
			switch {
			case e.asleep[s]:
				e.last[s], e.asleep[s] = now, false
			case sound(s) == zero && e.last[s] != never:
				e.last[s] += now - n.slept
			}
		}
	}
}

// rise is the moment in which a router became master.
type rise struct {
	at    time.Duration
	ear   ear
	owner bool
	// resumed is set in the moment of a start that continues mastership.
	resumed bool
	// silent is how long the last master may be silent, skew how long a router of
	// any priority waits beyond that, slack how far packets overtake each other.
	silent, skew, slack time.Duration
	// grouped is set where others may have been waited for, since it became
	// backup.
	grouped bool
	since   time.Duration
	// ordered is set when it had become backup on standby.
	ordered bool
}

// fall is the moment in which a router became backup.
type fall struct {
	at      time.Duration
	ordered bool // it was on standby
}

// fallen notes that a router becomes backup now. One that has just been woken
// may not have come to hear yet that an order of before is over.
func (n *node) fallen(id vrrp.RouterID) {
	orders := n.orders
	if n.woke == n.world.now {
		orders = slices.Concat(orders, n.dreamt)
	}
	ordered := slices.ContainsFunc(orders, func(o vrrp.Standby) bool { return o.ID == id })
	if m, ok := n.member(id); ok { // a hand-over that the order began goes on without it
		at, lifted := n.lifted[id]
		ordered = ordered || lifted && n.world.now-at <= m.config.LeaveBound()+margin
	}
	n.falls[id] = fall{n.world.now, ordered}
}

// rose notes that a router becomes master now.
func (n *node) rose(id vrrp.RouterID) {
	m, ok := n.member(id)
	if !ok {
		return
	}
	o, c, e := &n.world.opts, m.config, n.ear(m.config)
	n.rises[id] = &rise{
		at: n.world.now, ear: *e, owner: n.uttered[id] == vrrp.PriorityOwner,
		resumed: n.resumes[id] && n.world.now-n.began < margin,
		silent:  c.SilentFor(e.interval), skew: vrrp.SkewTime(c.Version, leastPriority, e.interval),
		slack:   o.Delay + o.Jitter + n.world.spoil.Late + margin,
		grouped: len(m.siblings()) > 0, since: n.falls[id].at, ordered: n.falls[id].ordered,
	}
	e.last[better] = never // whomever it obeyed is master no more
}

// risen are the causes that may truly be named for being master.
func (n *node) risen(id vrrp.RouterID) []string {
	if r := n.rises[id]; r != nil {
		return r.causes()
	}
	return nil
}

// heard reports whether an advert of a kind was heard within a time before. A
// router of a group may have made up its mind earlier than it could act.
func (r *rise) heard(s sound, span time.Duration) bool {
	at := r.ear.last[s]
	return at != never && (r.at-at <= span || r.grouped && at >= r.since)
}

// causes are those that may truly be named for it: each is what the network
// had brought to the router by then, or how it was started.
func (r *rise) causes() (all []string) {
	if r.owner {
		all = append(all, "master because it owns the addresses")
	}
	if r.resumed {
		all = append(all, "master because it was master before its process restarted")
	}
	if r.ordered && (r.grouped || r.since >= max(r.ear.last[better], r.ear.last[lower])) {
		all = append(all, "master because nobody took over when it went on standby")
	}
	if r.heard(zero, r.skew+r.slack) && r.ear.last[zero] >= r.ear.last[better]-r.slack {
		all = append(all, "master because the former master left with priority 0")
	}
	obeys := r.ear.last[better] != never && r.at-r.ear.last[better] < r.silent-r.slack
	passes := r.ear.last[lower] != never && r.at-r.ear.last[lower] < r.silent-r.slack
	if !obeys && r.heard(lower, r.silent+r.slack) {
		all = append(all, "master because it has the higher priority")
	}
	if !obeys && (r.grouped || !passes) {
		all = append(all, "master because no advert was heard for a master-down interval")
	}
	return all
}
