package kernel

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// routerPaths is what the writer knows of the routes and rules of a router.
type routerPaths struct {
	vrrp.Paths
	wanted  bool      // its addresses are held
	due     time.Time // of the next try to add what could not be added
	err     string    // reported last
	watched map[pathKey]*watched
}

// planPaths takes over which routes and rules belong to which router. Those
// of a master that are planned no more go, new ones come.
func (l *Links) planPaths(plan map[vrrp.RouterID]vrrp.Paths) {
	l.clearPaths(plan)
	l.dirty = true
	for id, have := range l.paths {
		gone := vrrp.Paths{
			Routes: withoutRoutes(have.Routes, plan[id].Routes), Rules: withoutRules(have.Rules, plan[id].Rules),
		}
		have.removedByUs(gone, l.opt.now())
		l.report(id, have, l.removePaths(gone))
		if _, planned := plan[id]; !planned {
			delete(l.paths, id)
		}
	}
	for id, p := range plan {
		have := l.paths[id]
		if have == nil {
			have = &routerPaths{}
			l.paths[id] = have
		}
		if have.wanted && !reflect.DeepEqual(have.Paths, p) {
			have.Paths = p
			l.addPaths(id)
		}
		have.Paths = p
	}
}

func containsRoute(all []vrrp.Route, r vrrp.Route) bool {
	return slices.ContainsFunc(all, func(o vrrp.Route) bool { return reflect.DeepEqual(o, r) })
}

// addPaths adds all routes and rules of a router whose addresses are there.
// What could not be added is tried again.
func (l *Links) addPaths(id vrrp.RouterID) {
	p := l.paths[id]
	if p == nil {
		return
	}
	l.wantPaths(p, true)
	var errs []error
	for _, r := range p.Routes {
		errs = append(errs, l.opt.paths.addRoute(r))
	}
	for _, r := range p.Rules {
		errs = append(errs, l.opt.paths.addRule(r))
	}
	err := errors.Join(errs...)
	if err != nil {
		p.due = l.opt.now().Add(retryPause)
	}
	l.report(id, p, err)
}

// dropPaths removes all routes and rules of a router that gives up its last
// address.
func (l *Links) dropPaths(id vrrp.RouterID) {
	if p := l.paths[id]; p != nil {
		p.removedByUs(p.Paths, l.opt.now())
		l.report(id, p, l.removePaths(p.Paths))
		l.wantPaths(p, false)
	}
}

// wantPaths notes whether routes and rules are to be there; the store says so
// before they are.
func (l *Links) wantPaths(p *routerPaths, wanted bool) {
	p.due = time.Time{}
	if p.wanted != wanted {
		p.wanted, l.dirty = wanted, true
		l.save()
	}
}

// storedPaths are the routes and rules that the store has to know of: those that
// are there, and those of an earlier life that nobody has decided about.
func (l *Links) storedPaths() (all []vrrp.Paths) {
	if len(l.left.Routes)+len(l.left.Rules) > 0 {
		all = append(all, l.left)
	}
	for _, p := range l.paths {
		if p.wanted && len(p.Routes)+len(p.Rules) > 0 {
			all = append(all, p.Paths)
		}
	}
	return all
}

// clearPaths removes what an earlier life left and no router is to have. The
// rest is for its router to decide about, as its addresses are.
func (l *Links) clearPaths(plan map[vrrp.RouterID]vrrp.Paths) {
	if len(l.left.Routes)+len(l.left.Rules) == 0 {
		return
	}
	for _, p := range plan {
		l.left = vrrp.Paths{Routes: withoutRoutes(l.left.Routes, p.Routes), Rules: withoutRules(l.left.Rules, p.Rules)}
	}
	if err := l.removePaths(l.left); err != nil {
		l.opt.observe(failure("", err))
	}
	l.left = vrrp.Paths{}
}

func withoutRoutes(all, some []vrrp.Route) []vrrp.Route {
	return slices.DeleteFunc(slices.Clone(all), func(r vrrp.Route) bool { return containsRoute(some, r) })
}

func withoutRules(all, some []vrrp.Rule) []vrrp.Rule {
	return slices.DeleteFunc(slices.Clone(all), func(r vrrp.Rule) bool { return slices.Contains(some, r) })
}

// removePaths removes rules first: they lead to the routes.
func (l *Links) removePaths(p vrrp.Paths) error {
	var errs []error
	for _, r := range p.Rules {
		errs = append(errs, l.opt.paths.removeRule(r))
	}
	for _, r := range p.Routes {
		errs = append(errs, l.opt.paths.removeRoute(r))
	}
	return errors.Join(errs...)
}

// report tells of an error unless it is the same as before.
func (l *Links) report(id vrrp.RouterID, p *routerPaths, err error) {
	if err == nil {
		p.err = ""
	} else if p.err != err.Error() {
		p.err = err.Error()
		l.opt.observe(runner.AddressEvent{Kind: runner.AddressFailed, ID: id, Interface: id.Interface, Detail: p.err})
	}
}

// retryPaths tries what could not be added. It returns when the next try is.
func (l *Links) retryPaths() (next time.Time) {
	for id, p := range l.paths {
		if !p.due.IsZero() && !p.due.After(l.opt.now()) {
			l.addPaths(id)
		}
		for _, due := range []time.Time{p.due, l.putPathsBack(id, p)} {
			if !due.IsZero() && (next.IsZero() || due.Before(next)) {
				next = due
			}
		}
	}
	return next
}
