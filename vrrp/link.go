package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// iface is an interface that routers run on or that packets came from.
type iface struct {
	name  string
	link  Link
	known bool // a Link event was seen
	// usableSince is when the interface last became able to carry routers.
	usableSince time.Time
	// down and up are how long a change must last to count; settling is a newer
	// state that does not count before settles, zero when there is none.
	down, up time.Duration
	settling Link
	settles  time.Time
	dropped  map[DropReason]uint64
}

// usable reports whether frames can be sent and heard.
func (i *iface) usable() bool { return i.known && i.link.runs() && i.link.Master == "" }

// runs reports whether the interface carries frames.
func (l *Link) runs() bool { return l.Exists && l.Up }

// iface returns the interface by name, known or not.
func (e *Engine) iface(name string) *iface {
	i := e.ifaces[name]
	if i == nil {
		i = &iface{name: name, dropped: newDropCounters()}
		e.ifaces[name] = i
	}
	return i
}

// setLink takes over the state of an interface, unless it has to last first.
// Those who track the interface have their own idea of that.
func (e *Engine) setLink(now time.Time, ev *Link) {
	i := e.iface(ev.Interface)
	if i.waits(now, ev) {
		e.observeLink(now, ev)
		return
	}
	e.applyLink(now, i, ev)
}

// waits reports whether a state of the interface must last before it counts,
// and notes it. An interface that is gone is gone, and so is one that a bond or
// bridge has taken in.
func (i *iface) waits(now time.Time, ev *Link) bool {
	delay := i.up
	if i.usable() {
		delay = i.down
	}
	if !i.known || !ev.Exists || ev.Master != "" || delay == 0 || ev.runs() == i.usable() {
		i.settles = time.Time{}
		return false
	}
	if i.settles.IsZero() {
		i.settles = now.Add(delay)
	}
	i.settling = *ev
	return true
}

// settleLinks lets the states of interfaces count that have lasted long enough.
func (e *Engine) settleLinks(now time.Time) {
	for _, i := range e.delayed {
		if due(i.settles, now) {
			i.settles = time.Time{}
			e.applyLink(now, i, &i.settling)
		}
	}
}

// collectDelays gathers how long states of interfaces must last.
func (e *Engine) collectDelays() {
	for _, i := range e.ifaces {
		i.down, i.up = 0, 0
	}
	e.delayed = e.delayed[:0]
	for _, r := range e.order {
		i := r.iface
		i.down, i.up = max(i.down, r.cfg.LinkDown), max(i.up, r.cfg.LinkUp)
		if !slices.Contains(e.delayed, i) {
			e.delayed = append(e.delayed, i)
		}
	}
	e.delayed = slices.DeleteFunc(e.delayed, func(i *iface) bool { return i.down == 0 && i.up == 0 && i.settles.IsZero() })
}

// applyLink makes the state of an interface count and lets the routers on it
// start or fault. A changed source address or MTU counts from the next advert.
func (e *Engine) applyLink(now time.Time, i *iface, ev *Link) {
	was := i.usable()
	i.link, i.known = *ev, true
	if i.usable() && !was {
		i.usableSince = now
	}
	e.collectSources()
	e.observeLink(now, &i.link)
	e.reconsiderations++
	for _, r := range e.order {
		if r.iface != i {
			continue
		}
		r.fitList()
		r.catchUp(now)
		if !e.stopped {
			r.reconsiderOnce(now)
		}
		e.agenda.update(r)
	}
}

// collectSources gathers the source addresses of all interfaces and routers.
func (e *Engine) collectSources() {
	clear(e.sources)
	for _, i := range e.ifaces {
		e.sources[i.link.Primary] = struct{}{}
		e.sources[i.link.LinkLocal] = struct{}{}
	}
	for _, r := range e.order {
		e.sources[r.source()] = struct{}{}
	}
	delete(e.sources, netip.Addr{})
}

// observeLink tells those who track the interface.
func (e *Engine) observeLink(now time.Time, ev *Link) {
	o := Observed{ID: TrackID{Kind: TrackInterface, Name: ev.Interface}, State: TrackUp}
	switch {
	case !ev.Exists:
		o.State, o.Detail = TrackDown, "absent"
	case !ev.Up:
		o.State, o.Detail = TrackDown, "no carrier"
	}
	e.observe(now, &o)
}
