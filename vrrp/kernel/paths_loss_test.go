package kernel

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// fakePaths are the routes and rules of a fake kernel.
type fakePaths struct {
	*fakeKernel
	have map[pathKey]bool
	fail error
}

func (f fakePaths) put(k pathKey, there bool) (changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if there && f.fail != nil {
		return false, f.fail
	}
	changed = f.have[k] != there
	f.have[k] = there
	return changed, nil
}

func (f fakePaths) is(k pathKey) bool {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.have[k]
}

func (f fakePaths) addRoute(r vrrp.Route) error { _, err := f.put(routeKey(r), true); return err }
func (f fakePaths) addRule(r vrrp.Rule) error   { _, err := f.put(ruleKey(r), true); return err }
func (f fakePaths) removeRoute(r vrrp.Route) error {
	f.gone(routeKey(r), ourPort)
	return nil
}
func (f fakePaths) removeRule(r vrrp.Rule) error {
	f.gone(ruleKey(r), ourPort)
	return nil
}
func (f fakePaths) restoreRoute(r vrrp.Route) (bool, error) { return f.put(routeKey(r), true) }
func (f fakePaths) restoreRule(r vrrp.Rule) (bool, error)   { return f.put(ruleKey(r), true) }

// gone removes a path and gives notice, as the kernel does.
func (f fakePaths) gone(k pathKey, port uint32) {
	if changed, _ := f.put(k, false); changed {
		f.links.lostPaths([]pathLoss{{k, port}}, false)
	}
}

var (
	someRoute = vrrp.Route{Destination: network("198.51.100.0/24"), Type: vrrp.RouteUnicast, Via: ip("192.0.2.2")}
	someRule  = vrrp.Rule{Family: vrrp.IPv4, Priority: 1000, Action: vrrp.RuleLookup, Table: 100}
)

// withPaths is a master with a route and a rule.
func withPaths(t *testing.T) (*fakeKernel, fakePaths) {
	f := fakePaths{have: make(map[pathKey]bool)}
	k := world(t)
	f.fakeKernel = k
	k.links.opt.paths = f
	k.links.do(job{paths: map[vrrp.RouterID]vrrp.Paths{routerA: {Routes: []vrrp.Route{someRoute}, Rules: []vrrp.Rule{someRule}}}})
	k.keepAll(t, 1, vip(100))
	return k, f
}

// Routes and rules come back as addresses do, with the same back-off and the
// same alarm.
func TestPathsArePutBack(t *testing.T) {
	for _, key := range []pathKey{routeKey(someRoute), ruleKey(someRule)} {
		t.Run(key.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k, f := withPaths(t)
				for i, wait := range []time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second, 5 * time.Second} {
					f.gone(key, foreignPort)
					want := []runner.AddressEventKind{runner.PathRemoved}
					if i == 4 {
						want = append(want, runner.PathDisputed)
					}
					if wait > 0 {
						time.Sleep(wait - 1)
						if f.is(key) {
							t.Fatalf("removal %d: back before %v", i+1, wait)
						}
						time.Sleep(1)
					}
					if !f.is(key) {
						t.Fatalf("removal %d: not back after %v", i+1, wait)
					}
					wantKinds(t, k, append(want, runner.PathPutBack)...)
				}
			})
		})
	}
}

func TestPathLossNamesWho(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k, f := withPaths(t)
		f.gone(routeKey(someRoute), foreignPort)
		synctest.Wait()
		want := runner.AddressEvent{Kind: runner.PathRemoved, ID: routerA, Interface: "eth0",
			Path: "route to 198.51.100.0/24 in table 254", Detail: fmt.Sprint("removed by port ", foreignPort)}
		if diff := cmp.Diff(want, k.events[0], comparing); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What we remove ourselves, and what goes while we are not master, concerns
// nobody; what went unnoticed is found.
func TestPathsOfOurOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k, f := withPaths(t)
		plan := func(r vrrp.Route) {
			k.links.do(job{paths: map[vrrp.RouterID]vrrp.Paths{routerA: {Routes: []vrrp.Route{r}, Rules: []vrrp.Rule{someRule}}}})
		}
		other := someRoute
		other.MTU = 1400 // the same place: removed and added again
		plan(other)
		if !f.is(routeKey(other)) {
			t.Error("a changed route is missing")
		}
		wantKinds(t, k)

		f.put(ruleKey(someRule), false) // without a notice
		k.links.lostPaths(nil, true)
		if !f.is(ruleKey(someRule)) {
			t.Error("a rule that went unnoticed stays away")
		}
		wantKinds(t, k, runner.PathPutBack)

		k.links.Release(release(2, vip(100)))
		synctest.Wait()
		k.links.lostPaths([]pathLoss{{routeKey(other), foreignPort}}, true)
		if f.is(routeKey(other)) || f.is(ruleKey(someRule)) {
			t.Error("a backup has routes or rules")
		}
		wantKinds(t, k)
	})
}

// A route that cannot be put back is tried again, and said once.
func TestPathsThatCannotComeBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k, f := withPaths(t)
		f.fail = errNoInterface
		k.links.opt.paths = f
		f.gone(routeKey(someRoute), foreignPort)
		time.Sleep(20 * time.Second)
		wantKinds(t, k, runner.PathRemoved, runner.AddressFailed)
	})
}
