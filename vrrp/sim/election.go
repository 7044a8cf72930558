package sim

import (
	"fmt"
	"slices"

	"github.com/vipd/vipd/vrrp"
)

// Setup is what a director's configuration says about elections.
type Setup struct {
	Routers []vrrp.Config
	Groups  []vrrp.Group
}

// SetGroups ties the routers of a node together, before its start or with its
// next reload.
func (w *World) SetGroups(name string, groups []vrrp.Group) {
	w.byName[name].groups = groups
	w.byName[name].plug()
}

// Track tells a node's daemon the state of something that it tracks. A new
// daemon learns it when it starts; what nobody told of is up.
func (w *World) Track(name string, o vrrp.Observed) {
	n := w.byName[name]
	what := fmt.Sprintf("track %s %s", o.ID, o.State)
	if o.ID.Kind == vrrp.TrackFile {
		what = fmt.Sprintf("track %s %d", o.ID, o.Value)
	}
	w.disturb(name, what)
	n.observed[o.ID] = o
	n.feed(&o)
}

// StandBy gives a node's daemon an order about a router and its group, as an
// operator does. It outlives the daemon.
func (w *World) StandBy(name, router string, force bool) {
	w.disturb(name, "standby "+router)
	n := w.byName[name]
	n.orders = n.withoutOrder(router)
	for _, id := range n.together(router) {
		n.orders = append(n.orders, vrrp.Standby{ID: id, Force: force})
	}
	if n.paused {
		n.dreamt = slices.Concat(n.dreamt, n.orders)
	}
	n.feed(&vrrp.StandBy{Orders: n.orders})
}

// Active takes an order back.
func (w *World) Active(name, router string) {
	w.disturb(name, "active "+router)
	n := w.byName[name]
	for _, o := range n.orders {
		n.lifted[o.ID] = w.now
	}
	n.orders = n.withoutOrder(router)
	n.feed(&vrrp.StandBy{Orders: n.orders})
}

func (n *node) withoutOrder(router string) []vrrp.Standby {
	ids := n.together(router)
	return slices.DeleteFunc(slices.Clone(n.orders), func(o vrrp.Standby) bool { return slices.Contains(ids, o.ID) })
}

// together returns the routers of that name and all in a group with them.
func (n *node) together(router string) []vrrp.RouterID {
	var ids []vrrp.RouterID
	for _, c := range n.routers {
		if c.Name == router {
			ids = append(ids, c.ID)
		}
	}
	for _, g := range n.groups {
		if slices.ContainsFunc(g.Members, func(id vrrp.RouterID) bool { return slices.Contains(ids, id) }) {
			ids = append(ids, g.Members...)
		}
	}
	return ids
}

// feedTracks tells a daemon that starts or reloads the state of everything it
// tracks.
func (n *node) feedTracks() {
	told := make(map[vrrp.TrackID]bool)
	tell := func(tracks []vrrp.Track) {
		for _, t := range tracks {
			if t.ID.Kind == vrrp.TrackInterface || told[t.ID] {
				continue
			}
			told[t.ID] = true
			o, known := n.observed[t.ID]
			if !known {
				o = vrrp.Observed{ID: t.ID, State: vrrp.TrackUp}
			}
			n.feed(&o)
		}
	}
	for i := range n.routers {
		tell(n.routers[i].Tracks)
	}
	for i := range n.groups {
		tell(n.groups[i].Tracks)
	}
}

// tracked returns the interfaces that the node tracks without using them.
func (n *node) tracked() []string {
	var names []string
	add := func(tracks []vrrp.Track) {
		for _, t := range tracks {
			if t.ID.Kind == vrrp.TrackInterface {
				names = append(names, t.ID.Name)
			}
		}
	}
	for i := range n.routers {
		add(n.routers[i].Depends())
	}
	for i := range n.groups {
		add(n.groups[i].Tracks)
	}
	return names
}

// checkGroups asks that the members of a group on one node are master together
// or not at all, once the world has settled.
func (c *checker) checkGroups(n *node) {
	if c.world.now-c.disturbed <= c.longestSettle() {
		return
	}
	for _, g := range n.groups {
		masters := 0
		for _, id := range g.Members {
			if n.states[id] == vrrp.StateMaster {
				masters++
			}
		}
		if masters > 0 && masters < len(g.Members) {
			c.violate("group", "%s is master of %d of %d members of %s", n.name, masters, len(g.Members), g.Name)
		}
	}
}
