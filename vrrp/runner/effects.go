// Package runner drives a vrrp.Engine: it receives until the next deadline,
// steps the engine and carries out its actions through small interfaces.
// Everything the interfaces hide is in package kernel.
package runner

import (
	"net/netip"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Engine decides; *vrrp.Engine is the real one.
type Engine interface {
	Step(now time.Time, ev vrrp.Event) vrrp.Output
	Status() []vrrp.RouterStatus
	InterfaceDrops() []vrrp.InterfaceDrops
	Image() (*vrrp.Image, error)
}

// Wire sends and receives VRRP packets on all interfaces in use. The loop is
// its only user, so it needs no lock.
type Wire interface {
	// Ready is signalled (capacity 1) when TryReceive may have something.
	Ready() <-chan struct{}
	// TryReceive fills p with the next queued packet and reports whether
	// there was one. It never blocks. p.Payload is valid until the next call.
	// Interfaces take turns, so that a flood on one cannot hide another.
	TryReceive(p *vrrp.Received) bool
	// Send sends one advert before it returns. It never waits: a full queue
	// is an error.
	Send(*vrrp.SendAdvert) error
	// Listen makes the set of (interface, family) pairs the receiving ones.
	// A pair whose interface is missing now is no error; it is retried on
	// Relink.
	Listen([]Port) error
	// Relink rebuilds what depends on an interface that came, went or
	// changed its index. An error means that the interface exists and cannot
	// be listened to.
	Relink(iface string) error
}

// Port is a place to listen at. Ports that differ in the group alone share
// their sockets.
type Port struct {
	Interface string
	Family    vrrp.Family
	Group     netip.Addr
	// AH is set where adverts with an authentication header are expected.
	AH bool
	// Carrier is the interface of the virtual router VRID alone, which is where
	// it is listened to instead of Interface, with FromBase only listened.
	Carrier  string
	VRID     uint8
	FromBase bool
	// Buffer is the size of the receive buffer.
	Buffer vrrp.ReceiveBuffer
}

// Links keeps virtual addresses on interfaces. Hold and Release queue a copy
// and return at once; one ordered writer carries them out.
type Links interface {
	Hold(*vrrp.Hold)
	Release(*vrrp.Release)
	// Flush waits until everything queued is done, at most d. The error tells
	// what is left on the interfaces.
	Flush(d time.Duration) error
	// Status tells what is on the interfaces and what went wrong.
	Status() []AddressStatus
}

// Announcer sends gratuitous ARPs, paced, in the background, and never before
// the addresses of an earlier Hold are on the interface.
type Announcer interface {
	Announce(*vrrp.Gratuitous)
	// Cancel voids queued blocks of the router.
	Cancel(vrrp.RouterID)
}

// Observer is told what happened. Its methods must not block: the advert
// path waits for them.
type Observer interface {
	Transition(vrrp.Transition)
	Drop(vrrp.Drop)
	Report(vrrp.Report)
	Address(AddressEvent)
}

// Recorder remembers across a restart of this process which routers are
// master. Its methods write to memory only.
type Recorder interface {
	// Sent notes that a master's advert left at the given time.
	Sent(id vrrp.RouterID, at time.Time)
	// Left notes that the router is master no more.
	Left(id vrrp.RouterID)
	// Counted notes the number of an advert that is about to be sent.
	Counted(id vrrp.RouterID, sequence uint64)
}

// AddressStatus is one virtual address on this host.
type AddressStatus struct {
	Interface string        `json:"interface"`
	Address   netip.Prefix  `json:"address"`
	State     AddressState  `json:"state"`
	Lease     time.Duration `json:"lease_ns,omitempty"`
	Refreshed time.Time     `json:"refreshed,omitzero"`
	PutBacks  uint64        `json:"put_backs"`
	Error     string        `json:"error,omitempty"`
}

// AddressState says whose an address is and whether it is there.
type AddressState string

// States of a virtual address.
const (
	AddressHeld      AddressState = "held"      // ours, on the interface
	AddressAbsent    AddressState = "absent"    // ours, not on the interface
	AddressHost      AddressState = "host"      // was there before us: never touched
	AddressFound     AddressState = "found"     // ours from an earlier life, not decided yet
	AddressContested AddressState = "contested" // removed by somebody again and again
)

// AddressEvent reports what happened to a virtual address outside elections.
type AddressEvent struct {
	Kind      AddressEventKind
	ID        vrrp.RouterID
	Interface string
	Address   netip.Prefix
	Path      string // the route or rule that it is about instead of an address
	Detail    string
}

// AddressEventKind names an address event.
type AddressEventKind string

// Kinds of address events.
const (
	AddressRemoved  AddressEventKind = "address_removed" // by somebody else
	AddressPutBack  AddressEventKind = "address_put_back"
	AddressDisputed AddressEventKind = "address_contested" // five removals in a minute
	AddressIsHosts  AddressEventKind = "address_is_hosts"  // existed before us
	AddressLapsed   AddressEventKind = "lease_lost"
	AddressFailed   AddressEventKind = "address_failed"
	PathRemoved     AddressEventKind = "path_removed" // a route or rule, by somebody else
	PathPutBack     AddressEventKind = "path_put_back"
	PathDisputed    AddressEventKind = "path_contested" // five removals in a minute
)
