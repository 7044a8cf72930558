package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/vrrp"
)

// slowRouter is a router role that takes its time with a configuration, and
// knows the verdicts that it was told last.
type slowRouter struct {
	gate       chan struct{}
	configures chan struct{} // told of each configuration

	mu       sync.Mutex
	verdicts []vrrp.Observed
}

func (r *slowRouter) handle(_ context.Context, method string, body json.RawMessage) (any, error) {
	if method == callConfigure {
		r.configures <- struct{}{}
		<-r.gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch method {
	case callConfigure:
		cfg, err := decode[routerConfig](body)
		r.verdicts = cfg.Observed
		return nil, err
	case callObserved:
		all, err := decode[[]vrrp.Observed](body)
		r.verdicts = all
		return nil, err
	}
	return nil, nil
}

// A verdict that changes while a configuration is under way is not undone by the
// older one in it.
func TestNewsIsNotOvertakenByAConfiguration(t *testing.T) {
	dir := t.TempDir()
	web := vrrp.Config{Name: "web", Priority: 150, ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}}
	cfg := &conf.Config{Routers: []vrrp.Config{web}, Tracking: conf.Tracking{Services: []string{"web"}}}
	s := newSupervisor(Options{RuntimeDir: dir, StateDir: dir, Log: io.Discard}, cfg, nil)
	role := &slowRouter{gate: make(chan struct{}), configures: make(chan struct{})}
	ours, theirs := net.Pipe()
	peer := link.New(ours, s.notice)
	var work sync.WaitGroup
	defer work.Wait()
	defer peer.Close()
	work.Go(func() { peer.Run(t.Context()) })
	work.Go(func() { link.New(theirs, role.handle).Run(t.Context()) })
	s.router.set(&process{}, peer)

	id := vrrp.TrackID{Kind: vrrp.TrackService, Name: "web"}
	s.tracks.apply(cfg)
	s.tracks.manager.Tell(vrrp.Observed{ID: id, State: vrrp.TrackUp})
	var told sync.WaitGroup
	told.Go(func() {
		if err := s.configureRouter(peer, firstLife); err != nil {
			t.Error(err)
		}
	})
	<-role.configures
	s.tracks.manager.Tell(vrrp.Observed{ID: id, State: vrrp.TrackDown})
	sent := make(chan struct{})
	told.Go(func() {
		s.tracks.send(t.Context())
		close(sent)
	})
	select { // it either waits or has overtaken the configuration
	case <-sent:
	case <-time.After(100 * time.Millisecond):
	}
	close(role.gate)
	told.Wait()
	role.mu.Lock()
	defer role.mu.Unlock()
	if len(role.verdicts) != 1 || role.verdicts[0].State != vrrp.TrackDown {
		t.Errorf("the router knows %+v", role.verdicts)
	}
}
