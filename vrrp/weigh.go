package vrrp

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// observation is what is known of one tracked thing.
type observation struct {
	Observed
	// settling is a newer state of an interface that does not count yet.
	settling Observed
	settles  time.Time // when it does, zero when nothing is settling
	debounce time.Duration
	used     bool // somebody tracks it
}

// observation returns the memory of a tracked thing.
func (e *Engine) observation(id TrackID) *observation {
	o := e.observed[id]
	if o == nil {
		o = &observation{Observed: Observed{ID: id}}
		e.observed[id] = o
	}
	return o
}

// observe takes over the state of a tracked thing and lets the routers that
// depend on it draw the consequences.
func (e *Engine) observe(now time.Time, ev *Observed) {
	o := e.observation(ev.ID)
	switch {
	case o.debounce == 0 || o.State == TrackUnknown:
		o.settles = time.Time{}
	case ev.State == o.State:
		o.settles = time.Time{}
		return
	case o.settles.IsZero():
		o.settling, o.settles = *ev, now.Add(o.debounce)
		return
	default:
		o.settling = *ev
		return
	}
	o.Observed = *ev
	e.observations++
	e.react(now, ev.ID)
}

// settle lets the states count that have lasted long enough.
func (e *Engine) settle(now time.Time) {
	for _, o := range e.debounced {
		if due(o.settles, now) {
			o.Observed, o.settles = o.settling, time.Time{}
			e.observations++
			e.react(now, o.ID)
		}
	}
}

// nextSettle returns when the next state begins to count, zero when none waits.
func (e *Engine) nextSettle() time.Time {
	var next time.Time
	for _, o := range e.debounced {
		next = earliest(next, o.settles)
	}
	for _, i := range e.delayed {
		next = earliest(next, i.settles)
	}
	return next
}

// react lets every router that tracks the thing weigh anew, in the order of the
// configuration.
func (e *Engine) react(now time.Time, id TrackID) {
	if e.stopped {
		return
	}
	e.reconsiderations++
	for _, r := range e.order {
		if slices.ContainsFunc(r.tracks, func(t Track) bool { return t.ID == id }) {
			if old := r.priority; r.weigh(now) {
				r.tellPriority(now, old)
			}
			r.reconsiderOnce(now)
			e.agenda.update(r)
		}
	}
}

// contributions returns the part of every tracked thing in the priority.
func (r *router) contributions() []Contribution {
	all := make([]Contribution, len(r.tracks))
	for i := range r.tracks {
		all[i] = r.tracks[i].Contribute(&r.engine.observation(r.tracks[i].ID).Observed)
	}
	return all
}

// weigh puts the priority in force that follows from what is tracked and
// reports whether it changed. A backup keeps its timer true to the new skew.
func (r *router) weigh(now time.Time) bool {
	old := r.priority
	r.priority = EffectivePriority(r.cfg.Priority, r.burden().delta)
	if r.standby != nil {
		r.priority = standbyPriority
	}
	if r.priority == old {
		return false
	}
	if r.state == StateBackup && !r.deadline.IsZero() {
		interval := r.masterInterval()
		r.deadline = r.deadline.
			Add(-SkewTime(r.cfg.Version, old, interval)).
			Add(SkewTime(r.cfg.Version, r.priority, interval))
	}
	return true
}

// tellPriority tells why the priority is another one. A master tells the peers
// at once.
func (r *router) tellPriority(now time.Time, old uint8) {
	if !r.running() {
		return
	}
	why := sumText(r.cfg.Priority, r.contributions())
	if r.standby != nil {
		why = "standby"
	}
	r.report(ReportPriority, netip.Addr{}, fmt.Sprintf("%d → %d (%s)", old, r.priority, why))
	if r.state == StateMaster && !r.handing.active() {
		r.advertise(now)
	}
}

// sumText writes a priority as a sum: "150 -60 script chk_web".
func sumText(base uint8, all []Contribution) string {
	var b strings.Builder
	fmt.Fprint(&b, base)
	for i := range all {
		if all[i].Delta != 0 {
			fmt.Fprintf(&b, " %+d %s", all[i].Delta, all[i].Track)
		}
	}
	return b.String()
}

// burden is what tracked things mean to whoever tracks them.
type burden struct {
	delta int   // of the priority
	fault cause // the first that keeps it from running; no reason = none
}

// burden of a router; the members of a group share theirs.
func (r *router) burden() burden {
	e, g := r.engine, r.group
	if g == nil || g.tracks == nil {
		return e.burdenOf(r.tracks)
	}
	if g.weighed != e.observations {
		g.burden, g.weighed = e.burdenOf(g.tracks), e.observations
	}
	return g.burden
}

func (e *Engine) burdenOf(tracks []Track) (b burden) {
	for i := range tracks {
		c := tracks[i].Contribute(&e.observation(tracks[i].ID).Observed)
		b.delta += c.Delta
		if c.Fault && b.fault.reason == "" {
			b.fault = cause{reason: ReasonTracked, detail: c.Track.String()}
		}
	}
	return b
}

// awaitingVerdicts reports whether something that is tracked was not observed
// yet.
func (r *router) awaitingVerdicts() bool {
	return slices.ContainsFunc(r.tracks, func(t Track) bool {
		return r.engine.observation(t.ID).State == TrackUnknown
	})
}

// collectTracks gathers what the routers and their groups track, after the
// configuration changed. Members of a group share the tracks of all, each once,
// so that their priorities move together; one thing tracked in two ways counts
// in both.
func (e *Engine) collectTracks(now time.Time) {
	e.linkTracks()
	for _, r := range e.order {
		r.weigh(now)
	}
}

// linkTracks ties the routers to what they track.
func (e *Engine) linkTracks() {
	e.debounced = nil
	e.observations++
	for _, o := range e.observed {
		o.used, o.debounce = false, 0
	}
	for _, r := range e.order {
		switch {
		case r.group == nil:
			r.tracks = addTracks(nil, r.cfg.Depends())
		case r.group.tracks == nil:
			r.group.collectTracks()
			r.tracks = r.group.tracks
		default:
			r.tracks = r.group.tracks
			continue // they are in use
		}
		for _, t := range r.tracks {
			e.use(&t)
		}
	}
	maps.DeleteFunc(e.observed, func(id TrackID, o *observation) bool { return !o.used && id.Kind != TrackInterface })
}

// use notes that a thing is tracked.
func (e *Engine) use(t *Track) {
	o := e.observation(t.ID)
	o.used = true
	o.debounce = max(o.debounce, t.Debounce)
	if o.debounce > 0 && !slices.Contains(e.debounced, o) {
		e.debounced = append(e.debounced, o)
	}
}

// collectTracks gathers what the group and its members track.
func (g *group) collectTracks() {
	g.tracks = addTracks(make([]Track, 0, len(g.cfg.Tracks)), g.cfg.Tracks)
	for _, m := range g.members {
		g.tracks = addTracks(g.tracks, m.cfg.Depends())
	}
}

// addTracks adds tracks that are not there yet.
func addTracks(all, tracks []Track) []Track {
	for _, t := range tracks {
		if !slices.ContainsFunc(all, t.same) {
			all = append(all, t)
		}
	}
	return all
}
