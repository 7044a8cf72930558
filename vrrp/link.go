package vrrp

import (
	"net/netip"
	"time"
)

// iface is an interface that routers run on or that packets came from.
type iface struct {
	name  string
	link  Link
	known bool // a Link event was seen
	// usableSince is when the interface last became able to carry routers.
	usableSince time.Time
	dropped     map[DropReason]uint64
}

// usable reports whether frames can be sent.
func (i *iface) usable() bool { return i.known && i.link.Exists && i.link.Up }

// iface returns the interface by name, known or not.
func (e *Engine) iface(name string) *iface {
	i := e.ifaces[name]
	if i == nil {
		i = &iface{name: name, dropped: newDropCounters()}
		e.ifaces[name] = i
	}
	return i
}

// setLink takes over the state of an interface and lets the routers on it
// start or fault. A changed source address or MTU counts from the next advert.
func (e *Engine) setLink(now time.Time, ev *Link) {
	i := e.iface(ev.Interface)
	was := i.usable()
	i.link, i.known = *ev, true
	if i.usable() && !was {
		i.usableSince = now
	}
	e.collectSources()
	e.observeLink(now, ev)
	for _, r := range e.order {
		if r.iface != i {
			continue
		}
		r.fitList()
		if !e.stopped {
			r.reconsider(now)
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
