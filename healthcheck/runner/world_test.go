package runner_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/runner"
)

// servers is a fake network: what a probe of an address says and how long it
// takes, and a record of all starts.
type servers struct {
	mu     sync.Mutex
	class  map[netip.AddrPort]healthcheck.Class
	takes  map[netip.AddrPort]time.Duration
	starts map[netip.AddrPort][]time.Time
	open   int // probes under way
	most   int // of open
}

func newServers() *servers {
	return &servers{
		class:  map[netip.AddrPort]healthcheck.Class{},
		takes:  map[netip.AddrPort]time.Duration{},
		starts: map[netip.AddrPort][]time.Time{},
	}
}

func (s *servers) set(k healthcheck.Key, c healthcheck.Class, takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.class[k.Target], s.takes[k.Target] = c, takes
}

func (s *servers) startsOf(k healthcheck.Key) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.starts[k.Target])
}

func (s *servers) Probe(ctx context.Context, k healthcheck.Key) healthcheck.Result {
	s.mu.Lock()
	class, takes := s.class[k.Target], s.takes[k.Target]
	s.starts[k.Target] = append(s.starts[k.Target], time.Now())
	s.open++
	s.most = max(s.most, s.open)
	s.mu.Unlock()
	r := healthcheck.Result{At: time.Now(), Class: class}
	if class == "" {
		r.Class = healthcheck.ClassOK
	}
	select {
	case <-time.After(min(takes, k.Settings.Timeout)):
	case <-ctx.Done():
		r.Class = healthcheck.ClassTimeout
	}
	if takes > k.Settings.Timeout {
		r.Class = healthcheck.ClassTimeout
	}
	r.Duration = time.Since(r.At)
	s.mu.Lock()
	s.open--
	s.mu.Unlock()
	return r
}

func key(n int) healthcheck.Key {
	return healthcheck.Key{
		Target:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 80),
		Settings: healthcheck.Settings{Kind: healthcheck.KindTCP, Timeout: 3 * time.Second},
		Timing:   healthcheck.Timing{Interval: time.Second, Rise: 1, Fall: 2},
	}
}

func keys(n int) []healthcheck.Key {
	var all []healthcheck.Key
	for i := range n {
		all = append(all, key(i))
	}
	return all
}

// updates records what OnUpdate is told.
type updates struct {
	mu  sync.Mutex
	all []runner.Update
}

func (u *updates) add(x runner.Update) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = append(u.all, x)
}

// take returns the updates since the last call as "10.0.0.1 unknown→up".
func (u *updates) take() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var lines []string
	for _, x := range u.all {
		lines = append(lines, fmt.Sprintf("%s %s→%s", x.Key.Target.Addr(), x.Old, x.New))
	}
	u.all = nil
	return lines
}

// world is a runner under test in a bubble.
type world struct {
	*testing.T
	*runner.Runner
	servers *servers
	updates *updates
	begin   time.Time
}

// inBubble runs test with a runner that runs until test returns.
func inBubble(t *testing.T, o runner.Options, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, servers: newServers(), updates: &updates{}, begin: time.Now()}
		o.Probe, o.OnUpdate = w.servers.Probe, w.updates.add
		w.Runner = runner.New(o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Runner.Run(ctx) }()
		test(w)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if w.servers.open != 0 {
			t.Errorf("%d probes still run after Run returned", w.servers.open)
		}
	})
}

// after lets virtual time pass and everything settle.
func (w *world) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func expect[T any](w *world, want, got T) {
	w.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})); diff != "" {
		w.Errorf("after %v (-want +got):\n%s", time.Since(w.begin), diff)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
