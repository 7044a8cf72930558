package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

const (
	// keptTransitions is how many past transitions a router remembers.
	keptTransitions = 10
	// keptPeers is how many other routers it remembers.
	keptPeers = 8
)

// Past is one transition of a router.
type Past struct {
	At           time.Time  `json:"at"`
	From         State      `json:"from"`
	To           State      `json:"to"`
	Reason       Reason     `json:"reason"`
	Detail       string     `json:"detail,omitempty"`
	Peer         netip.Addr `json:"peer,omitzero"`
	PeerPriority uint8      `json:"peer_priority,omitempty"`
	Priority     uint8      `json:"priority"` // ours, effective
}

// PeerHeard is the last advert of another router.
type PeerHeard struct {
	Address  netip.Addr    `json:"address"`
	Priority uint8         `json:"priority"` // 0: it has left
	Interval time.Duration `json:"interval_ns"`
	Heard    time.Time     `json:"heard"`
}

// keepPast keeps a transition.
func (r *router) keepPast(now time.Time, t *Transition) {
	if len(r.past) == keptTransitions {
		r.past = slices.Delete(r.past, 0, 1)
	}
	r.past = append(r.past, Past{
		At: now, From: t.From, To: t.To, Reason: t.Reason, Detail: t.Detail,
		Peer: t.Peer, PeerPriority: t.PeerPriority, Priority: t.Priority,
	})
}

// notePeer keeps the last advert of a peer, in place of the one that is silent
// for longest when there are too many.
func (r *router) notePeer(from *neighbour) {
	oldest := 0
	for i := range r.peers {
		p := &r.peers[i]
		if p.Address == from.addr {
			oldest = i
			break
		}
		if p.Heard.Before(r.peers[oldest].Heard) {
			oldest = i
		}
	}
	r.peers[oldest] = PeerHeard{Address: from.addr, Priority: from.priority, Interval: from.interval, Heard: from.heard}
}

// heardPeers returns the peers, the last heard first.
func (r *router) heardPeers() []PeerHeard {
	var all []PeerHeard
	for _, p := range r.peers {
		if p.Address.IsValid() {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b PeerHeard) int { return b.Heard.Compare(a.Heard) })
	return all
}
