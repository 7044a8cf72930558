package sim

import (
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// send delivers an advert to the nodes that it is for and reports whether it
// left.
func (n *node) send(a *vrrp.SendAdvert) bool {
	w := n.world
	if !n.usable(a.ID.Interface) {
		return false
	}
	w.checker.checkCadence(n, a)
	n.lastAdvert[a.ID] = w.now
	packet := slices.Clone(a.Payload)
	id, said := a.ID, n.utter(a)
	from, _ := n.member(id)
	for _, to := range w.nodes {
		iface := to.listens(a)
		if to == n || to.side != n.side || iface == "" || w.lost() {
			continue
		}
		p := vrrp.Received{Interface: iface, Family: a.ID.Family, Src: a.Src, Dst: a.Dst, TTL: a.TTL, Payload: packet}
		if a.AH {
			header := int(packet[0]&0xf) * 4
			p.AH, p.Header, p.Payload = true, packet[:header], packet[header:]
		}
		spoil := w.spoiled()
		if spoil.Lost {
			continue
		}
		for range w.copies() {
			w.queue.plan(w.now+w.delay()+spoil.Late, func() {
				if to.usable(iface) {
					to.overhear(vrrp.RouterID{Interface: iface, Family: id.Family, VRID: id.VRID}, from.config, said)
					to.feed(&p)
				}
			})
		}
	}
	return true
}

// listens returns the interface on which an advert reaches the node: the one
// on the segment it was sent to, or the one that has the address of its
// destination; none when it does not.
func (n *node) listens(a *vrrp.SendAdvert) string {
	iface := a.ID.Interface
	if !a.Dst.IsMulticast() {
		iface = n.owns(a.Dst, a.ID.Interface)
	}
	if !n.usable(iface) {
		return ""
	}
	return iface
}

// announce delivers gratuitous ARPs to the nodes that want to hear them.
func (n *node) announce(g *vrrp.Gratuitous) {
	w := n.world
	for _, to := range w.nodes {
		if to == n || !w.connected(n, to, g.ID.Interface) || !to.overhears.After(to.clock.local(w.now)) || w.lost() {
			continue
		}
		for _, p := range g.Addresses {
			heard := &vrrp.Announced{Interface: g.ID.Interface, Address: p.Addr()}
			w.queue.plan(w.now+w.delay(), func() { to.feed(heard) })
		}
	}
}

// connected reports whether packets pass between two nodes of a segment.
func (w *World) connected(a, b *node, iface string) bool {
	return a.side == b.side && a.usable(iface) && b.usable(iface)
}

func (w *World) lost() bool { return w.opts.Loss > 0 && w.rng.Float64() < w.opts.Loss }

// Spoil is what happens to one advert on its way to one receiver.
type Spoil struct {
	Lost bool
	Late time.Duration
}

// Spoil spoils the advert of the given number, counted from 0 by receivers.
func (w *World) Spoil(number int, s Spoil) { w.spoil, w.spoilAt = s, number }

// spoiled returns what happens to the next advert.
func (w *World) spoiled() Spoil {
	w.adverts++
	if w.adverts-1 == w.spoilAt {
		return w.spoil
	}
	return Spoil{}
}

// copies returns how many times a packet arrives.
func (w *World) copies() int {
	if w.opts.Duplicate > 0 && w.rng.Float64() < w.opts.Duplicate {
		return 2
	}
	return 1
}

func (w *World) delay() time.Duration {
	if w.opts.Jitter == 0 {
		return w.opts.Delay
	}
	return w.opts.Delay + time.Duration(w.rng.Int64N(int64(w.opts.Jitter)+1))
}
