package vrrp

import (
	"net/netip"
	"slices"
)

// VMAC gives a virtual router an interface of its own with the virtual MAC
// address of the RFC. The zero value means none.
type VMAC struct {
	// Name of the interface: a macvlan on the router's interface.
	Name string
	// FromBase sends adverts from the router's interface, with its own MAC
	// address, instead of from the virtual one.
	FromBase bool
}

// MAC returns the virtual router's MAC address (RFC 9568 §7.3).
func (id RouterID) MAC() [6]byte {
	family := byte(1)
	if id.Family == IPv6 {
		family = 2
	}
	return [6]byte{0x00, 0x00, 0x5e, 0x00, family, id.VRID}
}

// AddressOptions say how a virtual address is put on the host. The zero value
// puts it on the interface that carries the router.
type AddressOptions struct {
	// Interface is another one that carries the address.
	Interface string
	// Label of an IPv4 address, as older tools show it.
	Label string
	// Scope is a route scope (linux/rtnetlink.h): 0 global, 253 link, 254
	// host.
	Scope uint8
	// Broadcast address of an IPv4 address.
	Broadcast netip.Addr
	// Peer is the far end of a point-to-point interface.
	Peer netip.Addr
	// Source says whether the host may choose the address as the source of its
	// own connections.
	Source SourceUse `json:",omitempty"`
	// DetectDuplicates lets the kernel look for others with the same IPv6
	// address; until it is done nobody can use it.
	DetectDuplicates bool `json:",omitempty"`
	// Untracked keeps the router running while the interface that is set here is
	// down.
	Untracked bool `json:",omitempty"`
	// Flags are further ones of the kernel, of AddressFlags.
	Flags uint32 `json:",omitempty"`
}

// SourceUse says whether an address may be chosen as source.
type SourceUse uint8

// Uses as source.
const (
	SourceDefault SourceUse = iota // IPv4 yes, IPv6 no
	SourceAlways
	SourceNever
)

// AddressFlags are flags that an address may have (linux/if_addr.h, IFA_F_…).
var AddressFlags = map[string]uint32{"home": 0x10, "mngtmpaddr": 0x100, "noprefixroute": 0x200, "autojoin": 0x400}

// Held returns all addresses that a master holds, each once: the advertised
// ones, then the others.
func (c *Config) Held() []netip.Prefix {
	all := slices.Concat(c.Addresses, c.Excluded)
	seen := make(map[netip.Prefix]bool, len(all))
	return slices.DeleteFunc(all, func(p netip.Prefix) bool {
		again := seen[p]
		seen[p] = true
		return again
	})
}

// Carrier returns the interface that the router listens on and that carries
// its addresses.
func (c *Config) Carrier() string {
	if c.VMAC.Name != "" {
		return c.VMAC.Name
	}
	return c.ID.Interface
}

// CarrierOf returns the interface that carries one of the addresses.
func (c *Config) CarrierOf(p netip.Prefix) string {
	if o := c.Options[p]; o.Interface != "" {
		return o.Interface
	}
	return c.Carrier()
}

// Depends returns everything that the priority or the fitness to run depends
// on: what is tracked and, without a weight, the other interfaces that carry
// addresses. While one is down nobody reaches the addresses on it here.
func (c *Config) Depends() []Track {
	all := slices.Clip(c.Tracks)
	for _, p := range c.Held() {
		o := c.Options[p]
		t := Track{ID: TrackID{Kind: TrackInterface, Name: o.Interface}}
		if o.Interface == "" || o.Interface == c.Carrier() || o.Untracked || slices.ContainsFunc(all, t.same) {
			continue
		}
		all = append(all, t)
	}
	return all
}
