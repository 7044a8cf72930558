package vrrp

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Image is everything an engine knows, as plain data, so that another process
// goes on where it stood: Restore makes an engine of it that answers every
// event as the first one would have.
type Image struct {
	Routers      []RouterImage
	Groups       []Group
	Interfaces   []InterfaceImage
	Observations []ObservationImage
	Epoch        uint64
	Began        time.Time
	WallAhead    time.Duration
	Period       time.Duration
	Awaiting     bool
	TableReady   bool
	AwaitUntil   time.Time
}

// InterfaceImage is what is known of an interface.
type InterfaceImage struct {
	Link        Link // Link.Interface is the name, known or not
	Known       bool
	UsableSince time.Time
	Dropped     map[DropReason]uint64
}

// ObservationImage is what is known of a tracked thing.
type ObservationImage struct {
	Now, Settling Observed
	Settles       time.Time
}

// RouterImage is one virtual router. Names are those of the engine's fields.
type RouterImage struct {
	Config      Config
	Priority    uint8
	Past        []Past
	Peers       []PeerHeard
	Standby     *Standby
	Summoned    bool
	Wants       bool
	Claimed     CauseImage
	State       State
	Since       time.Time
	LastFrom    State
	Last        CauseImage
	Refused     string
	ResumeUntil time.Time
	Undecided   bool
	Heard       bool
	Deadline    time.Time
	Refresh     time.Time
	Announced   AnnouncementImage
	Lease       LeaseMode
	LeaseTime   time.Duration
	Epoch       uint64
	Master      NeighbourImage
	Passed      NeighbourImage
	Learned     time.Duration
	PreemptAt   time.Time
	Leaving     bool
	Probing     bool
	Answers     []Answer
	Reasserted  time.Time
	HeaderHeard uint32
	HeaderSeq   uint32
	TrailerSeq  uint64
	Marks       []MarkImage
	Omitted     int
	SendFailing bool
	Counters    Counters
	Remarks     map[ReportKind]RemarkImage
}

// NeighbourImage is another router as it was heard last.
type NeighbourImage struct {
	Addr     netip.Addr
	Priority uint8
	Interval time.Duration
	Heard    time.Time
}

// CauseImage is why something happened.
type CauseImage struct {
	Reason Reason
	Peer   NeighbourImage
	Detail string
}

// AnnouncementImage is what is left of a plan of announcements.
type AnnouncementImage struct {
	Blocks  []BlockImage
	Started time.Time
	Refresh time.Time
	Extra   time.Time
	Set     Announce
}

// BlockImage is one planned announcement.
type BlockImage struct {
	At     time.Time
	Repeat int
}

// MarkImage is the last sequence number of a sender.
type MarkImage struct {
	Src netip.Addr
	Seq uint64
}

// RemarkImage is the last report of a kind.
type RemarkImage struct {
	Peer  netip.Addr
	Value uint64
}

// ErrLeaving is returned by Image while the engine stops or hands over: there
// is nothing that another process should go on with.
var ErrLeaving = errors.New("a virtual router is leaving")

// Image returns the engine's state. It shares no memory with the engine, and
// must be taken between two Steps.
func (e *Engine) Image() (*Image, error) {
	m := &Image{
		Epoch: e.epoch, Began: e.began, WallAhead: e.wallAhead, Period: e.period,
		Awaiting: e.awaiting, TableReady: e.tableReady, AwaitUntil: e.awaitUntil,
	}
	var last *group
	for _, r := range e.order {
		if e.stopped || r.handing.active() {
			return nil, ErrLeaving
		}
		m.Routers = append(m.Routers, r.image())
		if r.group != nil && r.group != last && !hasGroup(m.Groups, r.group.cfg.Name) {
			last = r.group
			m.Groups = append(m.Groups, last.cfg)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.ifaces)) {
		i := e.ifaces[name]
		link := i.link
		link.Interface = name
		m.Interfaces = append(m.Interfaces, InterfaceImage{link, i.known, i.usableSince, nonZero(i.dropped)})
	}
	for _, o := range e.observed {
		m.Observations = append(m.Observations, ObservationImage{o.Observed, o.settling, o.settles})
	}
	return m, nil
}

func hasGroup(all []Group, name string) bool {
	return slices.ContainsFunc(all, func(g Group) bool { return g.Name == name })
}

func (r *router) image() RouterImage {
	m := RouterImage{
		Config: r.cfg, Priority: r.priority, Past: slices.Clone(r.past), Peers: slices.Clone(r.peers[:]),
		Summoned: r.summoned, Wants: r.wants, Claimed: r.claimed.image(),
		State: r.state, Since: r.since, LastFrom: r.lastFrom, Last: r.last.image(),
		Refused: r.refused, ResumeUntil: r.resumeUntil, Undecided: r.undecided, Heard: r.heard,
		Deadline: r.deadline, Refresh: r.refresh, Announced: r.announced.image(),
		Lease: r.lease, LeaseTime: r.leaseTime, Epoch: r.epoch,
		Master: r.master.image(), Passed: r.passed.image(), Learned: r.learned,
		PreemptAt: r.preemptAt, Leaving: r.leaving, Reasserted: r.reasserted,
		Probing: r.probing.open, Answers: slices.Clone(r.probing.answers),
		HeaderHeard: r.headerHeard, HeaderSeq: r.headerSeq, TrailerSeq: r.trailerSeq,
		Omitted: r.omitted, SendFailing: r.sendFailing, Counters: r.counters, Remarks: make(map[ReportKind]RemarkImage),
	}
	if r.standby != nil {
		order := *r.standby
		m.Standby = &order
	}
	for _, k := range r.marks {
		m.Marks = append(m.Marks, MarkImage{k.src, k.seq})
	}
	for kind, k := range r.remarks {
		m.Remarks[kind] = RemarkImage{k.peer, k.value}
	}
	m.Counters.TransitionsTo = maps.Clone(r.counters.TransitionsTo)
	m.Counters.Dropped = nonZero(r.counters.Dropped)
	return m
}

func (n *neighbour) image() NeighbourImage {
	return NeighbourImage{n.addr, n.priority, n.interval, n.heard}
}

func (n *NeighbourImage) neighbour() neighbour {
	return neighbour{n.Addr, n.Priority, n.Interval, n.Heard}
}

func (c *cause) image() CauseImage { return CauseImage{c.reason, c.peer.image(), c.detail} }

func (c *CauseImage) cause() cause { return cause{c.Reason, c.Peer.neighbour(), c.Detail} }

func (a *announcement) image() AnnouncementImage {
	m := AnnouncementImage{Started: a.started, Refresh: a.refresh, Extra: a.extra, Set: a.set}
	for _, b := range a.blocks[a.done:a.n] {
		m.Blocks = append(m.Blocks, BlockImage{b.at, b.repeat})
	}
	return m
}
