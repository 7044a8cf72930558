package vrrp

import (
	"maps"
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
	add := func(iface string, a netip.Addr) {
		if a.IsValid() {
			e.sources[zoneOf(iface, a)] = struct{}{}
		}
	}
	for _, i := range e.ifaces {
		add(i.name, i.link.Primary)
		add(i.name, i.link.LinkLocal)
	}
	for _, r := range e.order {
		add(r.cfg.ID.Interface, r.source())
	}
}

// zoned is an address with the interface that it is unique on, "" for one that is
// everywhere. A link-local one may be another host's on another link (RFC 4007
// §5), which is where two routers often exchange theirs.
type zoned struct {
	addr  netip.Addr
	iface string
}

func zoneOf(iface string, a netip.Addr) zoned {
	if a.Is6() && a.IsLinkLocalUnicast() {
		return zoned{a, iface}
	}
	return zoned{addr: a}
}

// forgetInterfaces forgets those that nobody uses any more, of which nothing is
// told: their addresses may be other hosts' by now.
func (e *Engine) forgetInterfaces() {
	used := make(map[string]bool)
	for _, r := range e.order {
		used[r.cfg.ID.Interface], used[r.iface.name] = true, true
		for _, t := range r.tracks {
			used[t.ID.Name] = used[t.ID.Name] || t.ID.Kind == TrackInterface
		}
	}
	maps.DeleteFunc(e.ifaces, func(name string, _ *iface) bool { return !used[name] })
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
