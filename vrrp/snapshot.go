package vrrp

import (
	"maps"
	"slices"
	"strings"
)

// Status returns a snapshot of all routers in the order of the configuration.
func (e *Engine) Status() []RouterStatus {
	all := make([]RouterStatus, 0, len(e.order))
	for _, r := range e.order {
		all = append(all, r.status())
	}
	return all
}

func (r *router) status() RouterStatus {
	master := r.master
	if r.passed.heard.After(master.heard) {
		master = r.passed
	}
	s := RouterStatus{
		Name:           r.cfg.Name,
		Interface:      r.cfg.ID.Interface,
		Family:         r.cfg.ID.Family.String(),
		VRID:           r.cfg.ID.VRID,
		Version:        r.cfg.Version,
		State:          r.state,
		Since:          r.since,
		Priority:       r.priority,
		BasePriority:   r.cfg.Priority,
		Tracks:         r.contributions(),
		Preempt:        r.cfg.Preempt,
		Peers:          r.heardPeers(),
		Past:           slices.Clone(r.past),
		Standby:        r.standbyStatus(),
		AwaitsGroup:    r.wants && r.state == StateBackup,
		AdvertInterval: r.cfg.AdvertInterval,
		Addresses:      slices.Clone(r.held),
		Carrier:        r.cfg.Carrier(),
		Lease:          r.lease.String(),
		LeaseTime:      r.leaseTime,
		LastFrom:       r.lastFrom,
		LastReason:     r.last.reason,
		LastDetail:     r.last.detail,
		Master:         master.addr,
		MasterPriority: master.priority,
		MasterHeard:    master.heard,
		Deadline:       r.deadline,
		HandingOver:    r.handing.active(),
		Counters:       r.counters,
	}
	if r.group != nil {
		s.Group = r.group.cfg.Name
	}
	if r.state == StateBackup {
		s.MasterInterval = r.masterInterval()
		s.PreemptHeld = r.cfg.Preempt && !r.owner() && r.preemptHeld(r.engine.now)
	}
	s.Counters.TransitionsTo = maps.Clone(r.counters.TransitionsTo)
	s.Counters.Dropped = nonZero(r.counters.Dropped)
	return s
}

// standbyStatus describes the order in force, nil for none.
func (r *router) standbyStatus() *StandbyStatus {
	if r.standby == nil {
		return nil
	}
	return &StandbyStatus{Reason: r.standby.Reason, Force: r.standby.Force}
}

// Priority returns the effective priority of a router, 0 when it is not
// configured.
func (e *Engine) Priority(id RouterID) uint8 {
	if r := e.routers[id]; r != nil {
		return r.priority
	}
	return 0
}

// InterfaceDrops returns the interfaces on which packets arrived that belong
// to no router, by name.
func (e *Engine) InterfaceDrops() []InterfaceDrops {
	var all []InterfaceDrops
	for _, i := range e.ifaces {
		if dropped := nonZero(i.dropped); len(dropped) > 0 {
			all = append(all, InterfaceDrops{Interface: i.name, Dropped: dropped})
		}
	}
	slices.SortFunc(all, func(a, b InterfaceDrops) int { return strings.Compare(a.Interface, b.Interface) })
	return all
}

// nonZero copies the counters that counted something.
func nonZero(dropped map[DropReason]uint64) map[DropReason]uint64 {
	m := make(map[DropReason]uint64)
	for reason, n := range dropped {
		if n > 0 {
			m[reason] = n
		}
	}
	return m
}
