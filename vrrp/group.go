package vrrp

import (
	"slices"
	"time"
)

// Group is a set of virtual routers that are master all together or not at
// all.
type Group struct {
	Name    string
	Members []RouterID
	// Tracks count for every member, as do the tracks of each member.
	Tracks []Track
}

// group is a sync group at work.
type group struct {
	cfg     Group
	members []*router
	tracks  []Track // of the group and all members, each once
	// burden is that of the tracks, as of that number of observations.
	burden  burden
	weighed uint64
	// reconsidered is the last event after which it was.
	reconsidered uint64
}

// collectGroups forms the groups of a configuration. A router is in the first
// group that names it; members that are not configured are left out.
func (e *Engine) collectGroups(groups []Group) {
	for _, r := range e.order {
		r.group = nil
	}
	for _, c := range groups {
		g := &group{cfg: c}
		g.cfg.Tracks = slices.Clone(c.Tracks)
		for _, id := range c.Members {
			if r := e.routers[id]; r != nil && r.group == nil {
				r.group = g
				g.members = append(g.members, r)
			}
		}
	}
}

// claim is a router that wants to become master. The members of a group do so
// when all of them want to.
func (r *router) claim(now time.Time, why cause) {
	if r.group == nil {
		r.becomeMaster(now, why)
		return
	}
	r.wants, r.claimed = true, why
	r.deadline = time.Time{}
	for _, m := range r.group.members {
		if !m.wants && m.state != StateMaster {
			return
		}
	}
	for _, m := range r.group.members {
		if m.state != StateMaster {
			m.becomeMaster(now, m.claimed)
			m.reschedule()
		}
	}
}

// surrender makes the other members of a router that is master no more leave
// as well. They say so with priority 0 unless we slept and do not know who is
// master by now.
func (r *router) surrender(now time.Time, quiet bool) {
	if r.group == nil {
		return
	}
	for _, m := range r.group.members {
		if m == r || m.state != StateMaster || m.handing.active() {
			continue
		}
		if m.canSend() && !quiet && !m.handing.active() {
			m.resign()
		}
		m.becomeBackup(now, cause{reason: ReasonSyncGroup, detail: r.cfg.Name})
		m.reschedule()
	}
}

// obstacle is what keeps a member of a group from running.
type obstacle struct {
	member *router
	why    cause
}

// obstacles returns those of the first two members that have one: enough to
// tell for any member what keeps another from running.
func (g *group) obstacles() []obstacle {
	var found []obstacle
	for _, m := range g.members {
		if why, ok := m.ownObstacle(); !ok {
			if found = append(found, obstacle{m, why}); len(found) == 2 {
				break
			}
		}
	}
	return found
}

// resumes reports whether the router and all of its group were master just
// now, by the record.
func (r *router) resumes(now time.Time) bool {
	if r.group == nil {
		return now.Before(r.resumeUntil)
	}
	for _, m := range r.group.members {
		if !now.Before(m.resumeUntil) && m.state != StateMaster && !m.wants {
			return false
		}
	}
	return true
}

// reschedule puts the router at its place in the agenda, unless the agenda is
// about to be rebuilt.
func (r *router) reschedule() {
	if a := r.engine.agenda; r.slot < len(a) && a[r.slot] == r {
		r.engine.agenda.update(r)
	}
}
