package vrrp

import (
	"cmp"
	"net/netip"
	"time"
)

// outbox collects the actions of one step. All values are pooled: they are
// valid until the next step, which makes a steady state free of allocations.
type outbox struct {
	actions     []Action
	adverts     pool[SendAdvert]
	holds       pool[Hold]
	releases    pool[Release]
	gratuitous  pool[Gratuitous]
	handOvers   pool[HandingOver]
	transitions pool[Transition]
	drops       pool[Drop]
	reports     pool[Report]
}

// reset takes everything back that the last step handed out.
func (o *outbox) reset() {
	o.actions = o.actions[:0]
	o.adverts.used, o.holds.used, o.releases.used, o.gratuitous.used = 0, 0, 0, 0
	o.handOvers.used, o.transitions.used, o.drops.used, o.reports.used = 0, 0, 0, 0
}

// add appends an action; the order of calls is the order of effects.
func (o *outbox) add(a Action) { o.actions = append(o.actions, a) }

// pool hands out values of T and reuses them after a reset.
type pool[T any] struct {
	items []*T
	used  int
}

// take returns a value with its old contents, so that buffers can be reused.
func (p *pool[T]) take() *T {
	if p.used == len(p.items) {
		p.items = append(p.items, new(T))
	}
	p.used++
	return p.items[p.used-1]
}

// sendAdvert emits one advert with the given priority: to the group, or to
// each peer. A master that misses its source address for a moment says nothing.
func (r *router) sendAdvert(priority uint8) {
	if !r.source().IsValid() {
		return
	}
	switch { // one number for all peers
	case r.signs():
		r.nextTrailerSeq()
	case r.cfg.Auth.Type == AuthHeader:
		r.nextHeaderSeq()
	}
	if !r.cfg.Unicast() {
		r.sendAdvertTo(r.cfg.GroupOf(), maxTTL, priority)
	}
	for i := range r.cfg.Delivery.Peers {
		r.sendAdvertTo(r.cfg.Delivery.Peers[i].Address, cmp.Or(r.cfg.Delivery.TTL, maxTTL), priority)
	}
	if priority == 0 {
		r.counters.ZeroSent++
	} else {
		r.counters.AdvertsSent++
	}
}

func (r *router) sendAdvertTo(to netip.Addr, ttl, priority uint8) {
	path := Path{Family: r.cfg.ID.Family, Src: r.source(), Dst: to}
	advert := Advert{
		Version:  r.cfg.Version,
		VRID:     r.cfg.ID.VRID,
		Priority: priority,
		Interval: r.cfg.AdvertInterval,
		List:     r.advertised,
		AuthType: uint8(r.cfg.Auth.Type),
	}
	if r.cfg.Auth.Type == AuthPassword {
		advert.AuthData = r.cfg.Auth.keyField()
	}
	s := r.engine.out.adverts.take()
	*s = SendAdvert{
		ID: r.cfg.ID, Version: advert.Version, Priority: priority, Src: path.Src, Dst: path.Dst, TTL: ttl,
		Payload: r.appendAdvert(s.Payload[:0], &advert, path, ttl), AH: r.cfg.Auth.Type == AuthHeader, Sequence: r.sequence(),
	}
	r.engine.out.add(s)
}

// appendAdvert appends the advert with what authenticates it.
func (r *router) appendAdvert(b []byte, a *Advert, path Path, ttl uint8) []byte {
	switch {
	case r.cfg.Auth.Type == AuthHeader:
		b = r.appendHeaders(b, path, ttl, a.length())
		b = Encode(b, a, path, r.cfg.Checksum)
		r.sealHeaders(b)
		return b
	case r.signs():
		b = Encode(b, a, path, r.cfg.Checksum)
		length := len(b)
		b = r.sign(b, 0, path.Src)
		if path.Family == IPv6 {
			recomputeChecksum(b, path)
		}
		return b[:length+trailerLen]
	}
	return Encode(b, a, path, r.cfg.Checksum)
}

// resign emits priority 0 twice, back to back: one lost frame must not cost a
// master-down interval, and a later repetition would restart the peers' skew.
func (r *router) resign() {
	r.sendAdvert(0)
	r.sendAdvert(0)
}

// release ends the ownership of addresses.
func (r *router) release(addresses []netip.Prefix) {
	r.epoch = r.engine.nextEpoch()
	rel := r.engine.out.releases.take()
	*rel = Release{ID: r.cfg.ID, Addresses: addresses, Epoch: r.epoch}
	r.engine.out.add(rel)
}

// gratuitousBlock announces addresses repeat times each.
func (r *router) gratuitousBlock(addresses []netip.Prefix, repeat int) {
	g := r.engine.out.gratuitous.take()
	*g = Gratuitous{
		ID: r.cfg.ID, Addresses: addresses, Repeat: repeat, Epoch: r.epoch,
		Interval: r.cfg.Announce.Interval, Pace: r.cfg.Announce.Pace, Interfaces: r.cfg.Announce.Interfaces,
	}
	r.engine.out.add(g)
}

// cause says why a transition happens and who caused it.
type cause struct {
	reason Reason
	peer   neighbour
	detail string
}

// transition changes the state, last of all effects of the change.
func (r *router) transition(now time.Time, to State, why cause) {
	t := r.engine.out.transitions.take()
	*t = Transition{
		ID: r.cfg.ID, Name: r.cfg.Name, From: r.state, To: to, Priority: r.priority, Reason: why.reason,
		Peer: why.peer.addr, PeerPriority: why.peer.priority, Detail: why.detail,
	}
	r.engine.out.add(t)
	r.keepPast(now, t)
	r.lastFrom, r.last = r.state, why
	r.state, r.since = to, now
	r.counters.TransitionsTo[to.String()]++
	if to == StateMaster {
		r.counters.BecameMaster++
	}
}

// report tells a fact about this router.
func (r *router) report(kind ReportKind, peer netip.Addr, detail string) {
	rep := r.engine.out.reports.take()
	*rep = Report{ID: r.cfg.ID, Name: r.cfg.Name, Kind: kind, Peer: peer, Detail: detail, State: r.state, Priority: r.priority}
	r.engine.out.add(rep)
}
