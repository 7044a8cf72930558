package vrrp

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// errImage tells that an image cannot be one of an engine of this program.
var errImage = errors.New("image of an election is damaged")

// Restore returns the engine of an image. The first Step has to be a Resumed
// event; time goes on where the image was taken.
func Restore(m *Image) (*Engine, error) {
	e := NewEngine()
	e.epoch, e.began, e.wallAhead = m.Epoch, m.Began, m.WallAhead
	e.awaiting, e.tableReady, e.awaitUntil = m.Awaiting, m.TableReady, m.AwaitUntil
	if m.Period > 0 {
		e.period = m.Period
	}
	for i := range m.Interfaces {
		e.restoreInterface(&m.Interfaces[i])
	}
	for _, o := range m.Observations {
		e.observed[o.Now.ID] = &observation{Observed: o.Now, settling: o.Settling, settles: o.Settles}
	}
	for i := range m.Routers {
		if err := e.restoreRouter(&m.Routers[i]); err != nil {
			return nil, err
		}
	}
	e.number()
	e.collectSources()
	e.collectGroups(m.Groups)
	e.linkTracks()
	e.agenda.rebuild(e.order)
	e.out.reset()
	return e, nil
}

func (e *Engine) restoreInterface(m *InterfaceImage) {
	i := e.iface(m.Link.Interface)
	i.link, i.known, i.usableSince = m.Link, m.Known, m.UsableSince
	if !m.Known {
		i.link = Link{}
	}
	maps.Copy(i.dropped, m.Dropped)
}

// restoreRouter adds one router as it was.
func (e *Engine) restoreRouter(m *RouterImage) error {
	if e.routers[m.Config.ID] != nil || len(m.Announced.Blocks) > len(announcement{}.blocks) || len(m.Peers) > keptPeers {
		return fmt.Errorf("%w: router %s", errImage, m.Config.Name)
	}
	r := newRouter(e, m.Config)
	r.priority, r.past = m.Priority, m.Past
	copy(r.peers[:], m.Peers)
	r.standby, r.summoned, r.wants, r.claimed = m.Standby, m.Summoned, m.Wants, m.Claimed.cause()
	r.state, r.since, r.lastFrom, r.last = m.State, m.Since, m.LastFrom, m.Last.cause()
	r.refused, r.resumeUntil, r.undecided, r.heard = m.Refused, m.ResumeUntil, m.Undecided, m.Heard
	r.deadline, r.refresh, r.announced = m.Deadline, m.Refresh, m.Announced.announcement()
	r.lease, r.leaseTime, r.epoch = m.Lease, m.LeaseTime, m.Epoch
	r.master, r.passed, r.learned = m.Master.neighbour(), m.Passed.neighbour(), m.Learned
	r.preemptAt, r.leaving, r.reasserted = m.PreemptAt, m.Leaving, m.Reasserted
	r.probing = probing{m.Probing, m.Answers}
	r.headerHeard, r.headerSeq, r.trailerSeq = m.HeaderHeard, m.HeaderSeq, m.TrailerSeq
	r.omitted, r.sendFailing = m.Omitted, m.SendFailing
	for _, k := range m.Marks {
		r.marks = append(r.marks, mark{k.Src, k.Seq})
	}
	clear(r.remarks)
	for kind, k := range m.Remarks {
		r.remarks[kind] = remark{k.Peer, k.Value}
	}
	to, dropped := r.counters.TransitionsTo, r.counters.Dropped
	r.counters = m.Counters
	r.counters.TransitionsTo, r.counters.Dropped = to, dropped
	maps.Copy(to, m.Counters.TransitionsTo)
	maps.Copy(dropped, m.Counters.Dropped)
	e.routers[m.Config.ID] = r
	e.order = append(e.order, r)
	return nil
}

func (a *AnnouncementImage) announcement() announcement {
	out := announcement{started: a.Started, refresh: a.Refresh, extra: a.Extra, set: a.Set}
	for _, b := range a.Blocks {
		out.add(b.At, b.Repeat)
	}
	return out
}

// resumed asks again for the addresses of every master: the keeper of the
// addresses is a new one, and has to learn whose those on the interfaces are.
// A strict lease is only ever refreshed with an advert.
func (e *Engine) resumed(now time.Time) {
	for _, r := range e.order {
		switch {
		case r.state != StateMaster:
		case r.lease == LeaseStrict:
			r.advertise(now)
		default:
			r.hold(now, false)
		}
		e.agenda.update(r)
	}
}
