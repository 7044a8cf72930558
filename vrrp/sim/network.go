package sim

import (
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// send delivers an advert to every other node on the segment and reports
// whether it left.
func (n *node) send(a *vrrp.SendAdvert) bool {
	w := n.world
	if !n.usable(a.ID.Interface) {
		return false
	}
	w.checker.checkCadence(n, a)
	n.lastAdvert[a.ID] = w.now
	payload := slices.Clone(a.Payload)
	for _, to := range w.nodes {
		if to == n || !w.connected(n, to, a.ID.Interface) || w.lost() {
			continue
		}
		p := vrrp.Received{
			Interface: a.ID.Interface, Family: a.ID.Family,
			Src: a.Src, Dst: a.Dst, TTL: a.TTL, Payload: payload,
		}
		for range w.copies() {
			w.queue.plan(w.now+w.delay(), func() {
				if to.usable(p.Interface) {
					to.feed(&p)
				}
			})
		}
	}
	return true
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
