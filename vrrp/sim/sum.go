package sim

import (
	"slices"

	"github.com/vipd/vipd/vrrp"
)

// What an advert can carry, unless it is an owner's.
const (
	leastPriority = 1
	mostPriority  = 254
)

// sum is the member's priority by the world's own arithmetic.
func (m *member) sum() uint8 {
	if slices.ContainsFunc(m.node.orders, func(o vrrp.Standby) bool { return o.ID == m.config.ID }) {
		return leastPriority
	}
	if m.config.Priority == vrrp.PriorityOwner {
		return vrrp.PriorityOwner
	}
	sum := int(m.config.Priority)
	for _, t := range m.tracks() {
		sum += m.node.worth(t)
	}
	return uint8(max(leastPriority, min(mostPriority, sum)))
}

// tracks returns what counts for the member: what it tracks, and what its group
// and all of that track, each once.
func (m *member) tracks() (all []vrrp.Track) {
	add := func(tracks []vrrp.Track) {
		for _, t := range tracks {
			same := func(o vrrp.Track) bool { // once settled, its debounce plays no part
				o.Debounce = t.Debounce
				return o == t
			}
			if !slices.ContainsFunc(all, same) {
				all = append(all, t)
			}
		}
	}
	for _, g := range m.node.groups {
		if slices.Contains(g.Members, m.config.ID) {
			add(g.Tracks)
		}
	}
	add(m.config.Tracks)
	for _, c := range m.siblings() {
		add(c.Tracks)
	}
	return all
}

// worth is what a tracked thing adds to the priority.
func (n *node) worth(t vrrp.Track) int {
	o := n.observed[t.ID]
	down := o.State == vrrp.TrackDown
	switch t.ID.Kind {
	case vrrp.TrackFile:
		weight := t.Weight
		if t.Reverse {
			weight = -weight
		}
		if down {
			return 0
		}
		return max(vrrp.MinWeight, min(vrrp.MaxWeight, o.Value*weight))
	case vrrp.TrackInterface:
		l := n.link(t.ID.Name)
		if n.paused && t.Debounce > 0 {
			l = n.seen(t.ID.Name)
		}
		down = !l.Exists || !l.Up
	}
	if bad := down != t.Reverse; bad == (t.Weight < 0) {
		return t.Weight
	}
	return 0
}

// seen returns the state of an interface that a paused daemon knows. It comes
// to hear of a newer one when it goes on, and counts it a debounce later.
func (n *node) seen(iface string) *vrrp.Link {
	if l, ok := n.glimpsed[iface]; ok {
		return &l
	}
	return n.link(iface)
}
