package runner

import (
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// step gives one event to the engine, carries out what it asks for, and tells
// it of adverts that could not be sent. Adverts that fail while it is told
// are queued, so this always ends.
func (r *Runner) step(ev vrrp.Event) {
	for _, failed := range r.act(r.opt.Engine.Step(r.opt.Now(), ev)) {
		for _, again := range r.act(r.opt.Engine.Step(r.opt.Now(), failed)) {
			r.Do(again)
		}
	}
}

// act carries out actions in the order given and returns the adverts that
// failed.
func (r *Runner) act(out vrrp.Output) (failed []*vrrp.SendFailed) {
	r.next, r.leaving, r.departing = out.Next, out.Leaving, out.Departing
	r.reached = r.reached[:0]
	for _, a := range out.Actions {
		switch a := a.(type) {
		case *vrrp.SendAdvert:
			if err := r.send(a); err != nil {
				failed = append(failed, &vrrp.SendFailed{ID: a.ID, Err: err.Error()})
			} else {
				r.reached = append(r.reached, a.ID)
			}
		case *vrrp.Hold:
			if !a.AfterAdvert || !contains(failed, a.ID) || slices.Contains(r.reached, a.ID) {
				r.opt.Links.Hold(a)
			}
		case *vrrp.Release:
			// In this order, so that no announcement can slip through between.
			r.opt.Links.Release(a)
			r.opt.Announcer.Cancel(a.ID)
		case *vrrp.HandingOver:
			r.opt.Announcer.Cancel(a.ID)
			if r.opt.Overhear != nil {
				r.opt.Overhear(a)
			}
		case *vrrp.Probe:
			if r.opt.Probe != nil {
				r.opt.Probe(a)
			}
		case *vrrp.Gratuitous:
			r.opt.Announcer.Announce(a)
		case *vrrp.Transition:
			r.transition(a)
		case *vrrp.Drop:
			r.opt.Observer.Drop(*a)
		case *vrrp.Report:
			r.opt.Observer.Report(*a)
		}
	}
	return failed
}

func contains(failed []*vrrp.SendFailed, id vrrp.RouterID) bool {
	return slices.ContainsFunc(failed, func(f *vrrp.SendFailed) bool { return f.ID == id })
}

func (r *Runner) send(a *vrrp.SendAdvert) error {
	if a.Sequence > 0 && r.opt.Record != nil {
		r.opt.Record.Counted(a.ID, a.Sequence)
	}
	if err := r.opt.Wire.Send(a); err != nil {
		return err
	}
	if a.Priority == 0 {
		r.left(a.ID)
	} else {
		r.sent(a.ID, r.opt.Now())
	}
	return nil
}

// transition reports a change of state; a router that is master no more must
// not announce its addresses any longer.
func (r *Runner) transition(t *vrrp.Transition) {
	if t.From == vrrp.StateMaster && t.To != vrrp.StateMaster {
		r.opt.Announcer.Cancel(t.ID)
		r.left(t.ID)
	}
	r.opt.Observer.Transition(*t)
}

func (r *Runner) sent(id vrrp.RouterID, at time.Time) {
	if r.opt.Record != nil {
		r.opt.Record.Sent(id, at)
	}
}

func (r *Runner) left(id vrrp.RouterID) {
	if r.opt.Record != nil {
		r.opt.Record.Left(id)
	}
}
