package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"golang.org/x/sys/unix"
)

// pathKey is what a notice says of a route or rule that went. It may fit
// several: whether one is missing is seen when it is added again.
type pathKey struct {
	rule        bool
	family      uint8 // AF_…
	destination netip.Prefix
	table       uint32
	number      uint32 // metric or priority
	protocol    uint8  // of routes: who made it
}

// pathLoss is the kernel's notice that a route or rule went.
type pathLoss struct {
	pathKey
	port uint32 // as in loss
}

func routeKey(r vrrp.Route) pathKey {
	k := pathKey{
		family: netlinkFamily(r.Destination.Addr().Is6()), destination: r.Destination.Masked(), table: tableOf(r), number: r.Metric,
		protocol: protocolOf(r.Protocol),
	}
	if k.family == unix.AF_INET6 {
		k.number = cmp.Or(k.number, defaultMetric)
	}
	return k
}

// defaultMetric is what IPv6 makes of none (IP6_RT_PRIO_USER).
const defaultMetric = 1024

func ruleKey(r vrrp.Rule) pathKey {
	return pathKey{rule: true, family: netlinkFamily(r.Family == vrrp.IPv6), table: r.Table, number: r.Priority}
}

// String names a path for people.
func (k pathKey) String() string {
	if k.rule {
		return fmt.Sprintf("rule with priority %d", k.number)
	}
	return fmt.Sprintf("route to %s in table %d", k.destination, k.table)
}

// ownRemoval is how long after our own removal a notice is taken to be of it.
const ownRemoval = time.Second

// watched is what is remembered of one route or rule of a master.
type watched struct {
	putBack vrrp.PutBack
	due     time.Time // of the next try to put it back; zero = it is there
	removed time.Time // by ourselves
}

// watch returns the memory of a path.
func (p *routerPaths) watch(k pathKey) *watched {
	if p.watched == nil {
		p.watched = make(map[pathKey]*watched)
	}
	if p.watched[k] == nil {
		p.watched[k] = &watched{}
	}
	return p.watched[k]
}

// lostPaths tells of routes and rules that vanished; missed that some may have
// gone without a notice.
func (l *Links) lostPaths(losses []pathLoss, missed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pathLosses = append(l.pathLosses, losses...)
	l.verifyPaths = l.verifyPaths || missed
	l.signal()
}

func (l *Links) takePathLosses() ([]pathLoss, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	losses, missed := l.pathLosses, l.verifyPaths
	l.pathLosses, l.verifyPaths = nil, false
	return losses, missed
}

// examinePaths plans to put back what went.
func (l *Links) examinePaths() {
	losses, missed := l.takePathLosses()
	now, who := l.opt.now(), l.namer()
	for id, p := range l.paths {
		if !p.wanted {
			continue
		}
		for _, n := range losses {
			if p.has(n.pathKey) {
				l.pathGone(id, p, n, who)
			}
		}
		for k := range p.keys() {
			if w := p.watch(k); missed && w.due.IsZero() {
				w.due = now
			}
		}
	}
}

// keys yields the routes and rules that are to be there for good.
func (p *routerPaths) keys() func(yield func(pathKey) bool) {
	return func(yield func(pathKey) bool) {
		for _, r := range p.Routes {
			if r.Expires == 0 && !yield(routeKey(r)) {
				return
			}
		}
		for _, r := range p.Rules {
			if !yield(ruleKey(r)) {
				return
			}
		}
	}
}

func (p *routerPaths) has(k pathKey) bool {
	for own := range p.keys() {
		if own == k {
			return true
		}
	}
	return false
}

// pathGone decides about a notice. One that follows our own removal says
// nothing, but what was added since is looked after.
func (l *Links) pathGone(id vrrp.RouterID, p *routerPaths, n pathLoss, who func(port uint32) string) {
	now, w := l.opt.now(), p.watch(n.pathKey)
	if now.Sub(w.removed) < ownRemoval {
		w.due = now
		return
	}
	wait, contested := w.putBack.Removed(now)
	w.due = now.Add(wait)
	l.pathEvent(runner.PathRemoved, id, n.pathKey, "removed by "+who(n.port))
	if contested {
		l.pathEvent(runner.PathDisputed, id, n.pathKey, disputed(who(n.port), wait))
	}
}

// putPathsBack tries what is due of a router's routes and rules and returns
// when the next one is.
func (l *Links) putPathsBack(id vrrp.RouterID, p *routerPaths) (next time.Time) {
	now := l.opt.now()
	try := func(k pathKey, restore func() (bool, error)) {
		w := p.watched[k]
		if w == nil || w.due.IsZero() || !p.wanted {
			return
		}
		if !w.due.After(now) {
			added, err := restore()
			w.due = time.Time{}
			if err != nil {
				w.due = now.Add(contestedPause)
			}
			l.report(id, p, err)
			if added {
				l.pathEvent(runner.PathPutBack, id, k, "")
			}
		}
		if !w.due.IsZero() && (next.IsZero() || w.due.Before(next)) {
			next = w.due
		}
	}
	for _, r := range p.Routes {
		try(routeKey(r), func() (bool, error) { return l.opt.paths.restoreRoute(r) })
	}
	for _, r := range p.Rules {
		try(ruleKey(r), func() (bool, error) { return l.opt.paths.restoreRule(r) })
	}
	return next
}

// removedByUs notes our own removals, so that their notices are not taken for
// somebody's.
func (p *routerPaths) removedByUs(gone vrrp.Paths, now time.Time) {
	for k := range (&routerPaths{Paths: gone}).keys() {
		p.watch(k).removed = now
	}
}

func (l *Links) pathEvent(kind runner.AddressEventKind, id vrrp.RouterID, k pathKey, detail string) {
	l.opt.observe(runner.AddressEvent{Kind: kind, ID: id, Interface: id.Interface, Path: k.String(), Detail: detail})
}

func (kernelPaths) restoreRoute(r vrrp.Route) (added bool, err error) {
	err = sendRoute(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, r)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return false, fmt.Errorf("put back route to %s: %w", r.Destination, err)
	}
	return err == nil, nil
}

func (kernelPaths) restoreRule(r vrrp.Rule) (added bool, err error) {
	err = sendRule(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, r)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return false, fmt.Errorf("put back rule with priority %d: %w", r.Priority, err)
	}
	return err == nil, nil
}
