package vrrp

import (
	"net/netip"
	"time"
)

// Event is something that happened. The engine keeps no reference to an event
// or to what it points at, so callers may reuse one value.
type Event interface{ event() }

// Configure replaces the whole set of virtual routers in one step: unknown
// ones start, missing ones leave by the hand-over of their configuration, the
// others change in place without a transition.
type Configure struct {
	Routers []Config
	// Groups tie routers together; a router is in one group at most.
	Groups []Group
	// StandBy are the standby orders in force.
	StandBy []Standby
	// Resume names the routers that the runtime record proves to have been
	// master less than a master-down ago under the same living supervisor;
	// they start as master. All others start as backup.
	Resume map[RouterID]bool
	// Counted are the highest numbers by which adverts of earlier processes of
	// this host were authenticated (SendAdvert.Sequence). Routers that start
	// count on from there: peers take lower numbers for repetitions.
	Counted map[RouterID]uint64
	// Parting is set for a last will: the routers of Resume say nothing but
	// good-bye, so that no other router yields to a master that is none.
	Parting bool
	// PeerHeard names the routers on which another router was ever heard, as
	// remembered across restarts. It decides LeaseAuto.
	PeerHeard map[RouterID]bool
	// Refused names the routers that must stay in fault because another VRRP
	// daemon of this host runs them, with the text to show.
	Refused map[RouterID]string
	// AwaitReady holds back preemption until TableReady, at most ReadyBound.
	AwaitReady bool
}

// Tick tells that time has passed: send it at or after Output.Next.
type Tick struct{}

// Received is one IP packet with protocol 112 as it arrived.
type Received struct {
	Interface string
	Family    Family
	Src, Dst  netip.Addr
	TTL       uint8  // hop limit of IPv6
	Payload   []byte // what follows the IP header: the VRRP message
	// AH is set when an authentication header (protocol 51) stands before the
	// message in Payload; Header is the IPv4 header of such a packet.
	AH     bool
	Header []byte
}

// Link tells the present state of an interface. It is sent once for every
// interface in use at start and again on every change.
type Link struct {
	Interface string
	Exists    bool
	Up        bool // administratively up and with carrier
	// Primary is the source address of our IPv4 adverts and LinkLocal that of
	// our IPv6 adverts; without one the routers of the family are in fault,
	// unless they are given another.
	Primary, LinkLocal netip.Addr
	// MTU bounds the number of virtual addresses in one advert.
	MTU int
	// Master is the bond, team or bridge that the interface is a port of,
	// after its kind: "bridge br0". What arrives at a port is its master's, so
	// that routers on one hear nothing and are in fault. Empty for none; a VRF
	// takes nothing away and is none.
	Master string
}

// Source returns the address of the family that adverts come from, the zero
// value when the interface has none.
func (l *Link) Source(f Family) netip.Addr {
	if f == IPv6 {
		return l.LinkLocal
	}
	return l.Primary
}

// LeaseLost tells that the kernel removed a virtual address because its
// lifetime ended: somebody else may own it by now.
type LeaseLost struct {
	ID      RouterID
	Address netip.Prefix
}

// SendFailed tells that the last advert of a router could not be sent.
type SendFailed struct {
	ID  RouterID
	Err string
}

// Clock tells what the wall clock shows now. Without it the wall clock is
// taken to show the time of the steps.
type Clock struct {
	Wall time.Time
}

// TableReady tells that the checker has programmed the IPVS table and that
// its first round of checks is done.
type TableReady struct{}

// RefreshCost tells how long refreshing all addresses of the director once
// takes; it decides RefreshPeriod.
type RefreshCost struct{ Cost time.Duration }

// Announced tells that another host announced an address (gratuitous ARP,
// unsolicited neighbour advertisement). It is expected while a HandingOver is
// in force.
type Announced struct {
	Interface string
	Address   netip.Addr
}

// Resumed tells an engine that was restored from an image that it runs now.
type Resumed struct{}

// Stop makes every virtual router leave: masters by the hand-over of their
// configuration, then addresses removed, state initialize. Output.Leaving says
// how long that lasts.
type Stop struct {
	// Immediate ends every hand-over, also one that is under way.
	Immediate bool
}

func (*Configure) event()   {}
func (*Tick) event()        {}
func (*Received) event()    {}
func (*Link) event()        {}
func (*LeaseLost) event()   {}
func (*SendFailed) event()  {}
func (*TableReady) event()  {}
func (*Clock) event()       {}
func (*RefreshCost) event() {}
func (*Announced) event()   {}
func (*Resumed) event()     {}
func (*Stop) event()        {}

// Action is something the caller must do, in the order given. Actions and
// what they point at are valid until the next Step.
type Action interface{ action() }

// SendAdvert asks for one advert to the group or to one peer.
type SendAdvert struct {
	ID       RouterID
	Version  uint8
	Priority uint8
	Src, Dst netip.Addr
	TTL      uint8  // hop limit of IPv6
	Payload  []byte // complete VRRP message with checksum
	// AH is set when Payload begins with an IPv4 header and an authentication
	// header, which must not be changed.
	AH bool
	// Sequence is the number in the authentication header or in the signature, 0
	// without either.
	Sequence uint64
}

// Hold asks that the router's addresses be on the interface: added when
// missing, refreshed when there. It is repeated while the router is master.
type Hold struct {
	ID        RouterID
	Addresses []netip.Prefix
	// Epoch grows with every change of ownership; an older Hold that was
	// queued is void once a Release or newer Hold was given.
	Epoch uint64
	// Lease is the kernel lifetime to set, whole seconds; 0 = permanent.
	Lease time.Duration
	// Deadline is when this Hold stops being true: a writer that reaches it
	// later must drop it. Zero for a permanent address, which nothing
	// repeats: only a newer epoch voids it.
	Deadline time.Time
	// Refresh is set on repetitions: no address is to be added by it that
	// the writer has found missing (that is the put-back's decision).
	Refresh bool
	// AfterAdvert is set in strict mode: skip it when the advert sent just
	// before in the same output failed.
	AfterAdvert bool
}

// Release asks that those of the router's addresses that are ours be removed.
type Release struct {
	ID        RouterID
	Addresses []netip.Prefix
	Epoch     uint64
}

// Gratuitous asks for one block of gratuitous ARPs (neighbour advertisements
// for IPv6): every address Repeat times.
type Gratuitous struct {
	ID        RouterID
	Addresses []netip.Prefix
	Repeat    int
	Epoch     uint64
	// Interval is the least time between two announcements on an interface, or
	// on all those with the same Pace.
	Interval time.Duration
	Pace     string
	// Interfaces are announced on besides those that carry the addresses.
	Interfaces []string
}

// HandingOver tells that a master has said that it leaves: announcements of
// its addresses that are queued are void, those of other hosts are to be told
// as Announced until the given time or a Release.
type HandingOver struct {
	ID        RouterID
	Addresses []netip.Prefix
	Until     time.Time
}

// Transition reports a change of state.
type Transition struct {
	ID       RouterID
	Name     string
	From, To State
	// Priority is the effective one.
	Priority uint8
	Reason   Reason
	// Peer is the router whose advert caused it, if one did.
	Peer         netip.Addr
	PeerPriority uint8
	Detail       string
}

// Drop reports a rejected packet.
type Drop struct {
	Interface string
	Family    Family
	VRID      uint8
	Src       netip.Addr
	Reason    DropReason
	// Alarm is set for a packet with our VRID that was rejected while we are
	// master or about to become it: two masters may be alive.
	Alarm bool
}

// Report is a noteworthy fact that changes no state.
type Report struct {
	ID     RouterID
	Name   string
	Kind   ReportKind
	Peer   netip.Addr
	Detail string
	// State and Priority are those of the router now.
	State    State
	Priority uint8
}

func (*SendAdvert) action()  {}
func (*Hold) action()        {}
func (*Release) action()     {}
func (*Gratuitous) action()  {}
func (*HandingOver) action() {}
func (*Transition) action()  {}
func (*Drop) action()        {}
func (*Report) action()      {}

// Output is what one Step asks for.
type Output struct {
	Actions []Action
	// Next is when a Tick is due at the latest; zero when nothing is pending.
	Next time.Time
	// Leaving is set after a Stop as long as a hand-over goes on.
	Leaving bool
	// Departing is set as long as routers hand over that the last Configure
	// lacked: what they need of the outside has to stay.
	Departing bool
}
