package vrrp

import (
	"fmt"
	"net/netip"
	"strings"
)

// String describes the advert in one line.
func (a *SendAdvert) String() string {
	return fmt.Sprintf("%s advert v%d priority %d from %s%s", a.ID, a.Version, a.Priority, a.Src, unicastTo(a.Dst))
}

// unicastTo names a destination that is no group.
func unicastTo(a netip.Addr) string {
	if a.IsMulticast() {
		return ""
	}
	return " to " + a.String()
}

// String describes the request in one line; the epoch and deadline are left
// out because they mean nothing to a reader.
func (a *Hold) String() string {
	verb, lease := "hold", "permanent"
	if a.Refresh {
		verb = "refresh"
	}
	if a.Lease > 0 {
		lease = a.Lease.String()
	}
	return fmt.Sprintf("%s %s %s %s", a.ID, verb, join(a.Addresses), lease)
}

// String describes the request in one line.
func (a *Release) String() string {
	return fmt.Sprintf("%s release %s", a.ID, join(a.Addresses))
}

// String describes the announcement in one line.
func (a *Gratuitous) String() string {
	return fmt.Sprintf("%s announce %s x%d", a.ID, join(a.Addresses), a.Repeat)
}

// String describes the beginning of a hand-over in one line.
func (a *HandingOver) String() string {
	return fmt.Sprintf("%s hand over %s", a.ID, join(a.Addresses))
}

// String describes the transition in one line.
func (a *Transition) String() string {
	s := fmt.Sprintf("%s %s → %s %s", a.ID, a.From, a.To, a.Reason)
	if a.Peer.IsValid() {
		s += fmt.Sprintf(" peer %s priority %d", a.Peer, a.PeerPriority)
	}
	if a.Detail != "" {
		s += " (" + a.Detail + ")"
	}
	return s
}

// String describes the rejected packet in one line.
func (a *Drop) String() string {
	id := RouterID{Interface: a.Interface, Family: a.Family, VRID: a.VRID}
	s := fmt.Sprintf("%s drop %s from %s", id, a.Reason, a.Src)
	if a.Alarm {
		s += " ALARM"
	}
	return s
}

// String describes the fact in one line.
func (a *Report) String() string {
	s := fmt.Sprintf("%s report %s", a.ID, a.Kind)
	if a.Peer.IsValid() {
		s += " peer " + a.Peer.String()
	}
	if a.Detail != "" {
		s += " (" + a.Detail + ")"
	}
	return s
}

// join lists addresses, or counts them when a line would be too long.
func join(addresses []netip.Prefix) string {
	const readable = 4
	if len(addresses) > readable {
		return fmt.Sprintf("%d addresses", len(addresses))
	}
	words := make([]string, len(addresses))
	for i, a := range addresses {
		words[i] = a.String()
	}
	return strings.Join(words, ",")
}
