package runner

import (
	"maps"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// ReportListenFailed is the kind of report that tells that an interface
// exists but cannot be listened to; its routers stay in fault until it can.
const ReportListenFailed vrrp.ReportKind = "listen_failed"

// links is what the loop knows about interfaces. One that cannot be listened
// to is shown to the engine as down: a router that is deaf would take over
// from a living master.
type links struct {
	known map[string]vrrp.Link // as last told
	deaf  map[string]bool
	retry time.Time // when the deaf ones are tried again, zero when none is
}

func newLinks() links {
	return links{known: make(map[string]vrrp.Link), deaf: make(map[string]bool)}
}

// list returns what is known of all interfaces, by name.
func (l *links) list() []vrrp.Link {
	all := make([]vrrp.Link, 0, len(l.known))
	for _, name := range slices.Sorted(maps.Keys(l.known)) {
		all = append(all, l.known[name])
	}
	return all
}

// event steps a queued event after what it needs of the outside is done.
func (r *Runner) event(ev vrrp.Event) {
	switch ev := ev.(type) {
	case *vrrp.Configure:
		if !r.leaving { // it would bring back to life what is leaving
			r.configure(ev)
		}
	case *vrrp.Link:
		r.links.known[ev.Interface] = *ev
		r.relink(ev.Interface)
	default:
		r.step(ev)
	}
}

// configure listens at every place the new configuration needs before the
// engine learns of it. What routers need that it lacks stays until they have
// handed over.
func (r *Runner) configure(c *vrrp.Configure) {
	all := *c
	all.Routers = append(r.missing(c), c.Routers...)
	names, listenErr := r.provide(&all)
	r.step(c)
	r.present, r.final = all.Routers, nil
	if len(all.Routers) > len(c.Routers) {
		r.final = c
	}
	r.forget(names)
	if listenErr != nil {
		for _, name := range names {
			r.relink(name)
		}
	}
}

// missing returns the routers that a configuration lacks.
func (r *Runner) missing(c *vrrp.Configure) (gone []vrrp.Config) {
	for _, p := range r.present {
		if !slices.ContainsFunc(c.Routers, func(n vrrp.Config) bool { return n.ID == p.ID }) {
			gone = append(gone, p)
		}
	}
	return gone
}

// provide prepares the outside for the routers of a configuration.
func (r *Runner) provide(c *vrrp.Configure) (names []string, err error) {
	ports, names := places(c)
	if r.opt.Claim != nil {
		r.opt.Claim(c.Routers)
	}
	r.limit = drainPerPort * max(1, len(ports))
	err = r.opt.Wire.Listen(ports)
	if r.opt.Watch != nil {
		r.opt.Watch(names)
	}
	return names, err
}

// conclude takes away what the departed routers needed. A place that cannot be
// listened to is known already.
func (r *Runner) conclude() {
	if r.final == nil || r.departing {
		return
	}
	names, _ := r.provide(r.final)
	r.forget(names)
	r.present, r.final = r.final.Routers, nil
}

// places returns where the routers listen and the interfaces that they use or
// track, each once, in order.
func places(conf *vrrp.Configure) (ports []Port, names []string) {
	at := make(map[Port]int) // places in ports
	listen := func(p Port, size vrrp.ReceiveBuffer) {
		i, known := at[p]
		if !known {
			i, at[p] = len(ports), len(ports)
			ports = append(ports, p)
		}
		ports[i].Buffer = ports[i].Buffer.Plus(size)
	}
	tracked := func(tracks []vrrp.Track) {
		for _, t := range tracks {
			if t.ID.Kind == vrrp.TrackInterface {
				names = append(names, t.ID.Name)
			}
		}
	}
	for _, g := range conf.Groups {
		tracked(g.Tracks)
	}
	for _, c := range conf.Routers {
		tracked(c.Depends())
		names = append(names, c.ID.Interface, c.Carrier())
		p := Port{Interface: c.ID.Interface, Family: c.ID.Family, Group: c.GroupOf()}
		if c.VMAC.Name != "" && !c.Unicast() {
			p.Carrier, p.VRID, p.FromBase = c.VMAC.Name, c.ID.VRID, c.VMAC.FromBase
		}
		listen(p, c.Delivery.Buffer)
		// Adverts without the header are heard as well, to be rejected loudly.
		if p.AH = c.Auth.Type == vrrp.AuthHeader; p.AH {
			listen(p, c.Delivery.Buffer)
		}
	}
	slices.Sort(names)
	return ports, slices.Compact(names)
}

// forget drops what is known about interfaces no longer in use.
func (r *Runner) forget(used []string) {
	unused := func(name string) bool { return !slices.Contains(used, name) }
	maps.DeleteFunc(r.links.known, func(name string, _ vrrp.Link) bool { return unused(name) })
	maps.DeleteFunc(r.links.deaf, func(name string, _ bool) bool { return unused(name) })
}

// relink listens anew at an interface whose state may have changed and tells
// the engine the state.
func (r *Runner) relink(name string) {
	link, known := r.links.known[name]
	err := r.opt.Wire.Relink(name)
	if err == nil {
		delete(r.links.deaf, name)
	} else {
		r.reportDeaf(name, err)
		link.Up = false
	}
	if known {
		r.step(&link)
	}
}

func (r *Runner) reportDeaf(name string, err error) {
	if !r.links.deaf[name] {
		r.links.deaf[name] = true
		r.opt.Observer.Report(vrrp.Report{
			ID: vrrp.RouterID{Interface: name}, Kind: ReportListenFailed, Detail: err.Error(),
		})
	}
	if r.links.retry.IsZero() {
		r.links.retry = r.opt.Now().Add(retryDeaf)
	}
}

// retry tries the interfaces that could not be listened to.
func (r *Runner) retry() {
	if r.links.retry.IsZero() || r.opt.Now().Before(r.links.retry) {
		return
	}
	r.links.retry = time.Time{}
	for _, name := range slices.Sorted(maps.Keys(r.links.deaf)) {
		r.relink(name)
	}
}
