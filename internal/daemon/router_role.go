package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/kernel"
	"github.com/vipd/vipd/vrrp/runner"
)

// routerRole is the process that elects: engine, sockets, addresses. It is
// small and quiet and starts no other process.
type routerRole struct {
	opt      Options
	peer     *link.Peer
	kernel   *kernel.Kernel
	record   *kernel.Record
	run      *runner.Runner
	cancel   context.CancelFunc // makes the runner leave
	done     chan struct{}      // closed when it has left
	observer *observer
	// realTimeRefused is what was last said about a priority that the kernel
	// does not grant.
	realTimeRefused string
}

// runRouter serves the router role until its link ends; then, or when told
// to stop, it leaves: priority 0, addresses removed.
func runRouter(ctx context.Context, conn io.ReadWriteCloser, opt Options) error {
	r := &routerRole{opt: opt, done: make(chan struct{})}
	r.peer = link.New(conn, r.handle)
	obs := newObserver(r.peer)
	r.observer = obs
	unlock, err := lockFile(opt.RuntimeDir, routerLock)
	if err != nil {
		return err
	}
	defer unlock()
	r.record, err = kernel.OpenRecord(opt.RuntimeDir)
	if err != nil {
		return fmt.Errorf("open runtime record: %w", err)
	}
	defer r.record.Close()
	r.kernel, err = kernel.Open(kernel.Options{
		RuntimeDir: opt.RuntimeDir,
		Feed:       func(e vrrp.Event) { r.run.Do(e) },
		Observe:    obs.Address,
	})
	if err != nil {
		return fmt.Errorf("open kernel interfaces: %w", err)
	}
	defer r.kernel.Close()
	r.run = runner.New(runner.Options{
		Wire: r.kernel.Wire(), Links: r.kernel.Links(), Announcer: r.kernel.Announcer(), Watch: r.kernel.Watch,
		Claim: r.kernel.Claim, Overhear: r.kernel.Overhear,
		Observer: obs, Now: kernel.Now, Wall: time.Now, Record: r.record,
	})
	defer r.refuseTraffic(nil)
	return r.serve(ctx)
}

// serve runs engine and link until both have ended.
func (r *routerRole) serve(ctx context.Context) error {
	runCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.cancel = cancel
	var runErr error
	go func() {
		defer close(r.done)
		runErr = r.run.Run(runCtx)
	}()
	linkErr := r.peer.Run(ctx)
	cancel()
	<-r.done
	if runErr != nil {
		return fmt.Errorf("run engine: %w", runErr)
	}
	return linkErr
}

// handle answers the supervisor.
func (r *routerRole) handle(ctx context.Context, method string, body json.RawMessage) (any, error) {
	switch method {
	case callConfigure:
		cfg, err := decode[routerConfig](body)
		if err != nil {
			return nil, err
		}
		return nil, r.configure(cfg)
	case callStatus:
		return r.status(ctx)
	case callObserved:
		all, err := decode[[]vrrp.Observed](body)
		r.observed(all)
		return nil, err
	case callStandBy:
		orders, err := decode[[]vrrp.Standby](body)
		if err == nil {
			r.run.Do(&vrrp.StandBy{Orders: orders})
		}
		return nil, err
	case callReady:
		r.run.Do(&vrrp.TableReady{})
		return nil, nil
	case callPing:
		_, err := r.run.Status(ctx)
		return nil, err
	case callStop:
		how, err := decode[routerStop](body)
		if err != nil {
			return nil, err
		}
		if how.Immediate {
			r.run.Do(&vrrp.Stop{Immediate: true})
		}
		r.cancel()
		<-r.done
		return nil, nil
	}
	return nil, fmt.Errorf("unknown call %q", method)
}

// configure turns the supervisor's message into one event for the engine.
func (r *routerRole) configure(cfg routerConfig) error {
	r.setRealTime(cfg.RealTime)
	ev := &vrrp.Configure{
		Routers: cfg.Routers, Groups: cfg.Groups, StandBy: cfg.StandBy, AwaitReady: cfg.AwaitReady,
		PeerHeard: make(map[vrrp.RouterID]bool, len(cfg.PeerHeard)),
		Refused:   make(map[vrrp.RouterID]string),
	}
	for _, id := range cfg.PeerHeard {
		ev.PeerHeard[id] = true
	}
	if cfg.Resume {
		ev.Resume = r.record.Resume(cfg.Routers, kernel.Now())
	}
	if !cfg.AllowOtherDaemon {
		refuseOthers(cfg.Routers, ev.Refused)
	}
	r.refuseTraffic(cfg.Routers)
	r.kernel.Static(cfg.Static)
	// Before: a track that is new, or has another name, counts from the start.
	r.observed(cfg.Observed)
	r.run.Do(ev)
	return nil
}

// setRealTime puts the role's priority in force. Without the right to it the
// role works as any process does, which is said once. A role that shares its
// process with others has none.
func (r *routerRole) setRealTime(priority int) {
	if r.opt.OneProcess {
		return
	}
	said := r.realTimeRefused
	r.realTimeRefused = ""
	if err := setRealTime(priority); err != nil {
		if r.realTimeRefused = err.Error(); r.realTimeRefused != said {
			r.observer.send("warn", "realtime", r.realTimeRefused+": a busy machine can delay adverts", nil)
		}
	}
}

// observed passes verdicts about what is tracked on.
func (r *routerRole) observed(all []vrrp.Observed) {
	for i := range all {
		r.run.Do(&all[i])
	}
}

// refuseTraffic makes the kernel drop what is not to be accepted. Failing that,
// addresses that answer are better than none.
func (r *routerRole) refuseTraffic(routers []vrrp.Config) {
	if err := kernel.RefuseTraffic(routers); err != nil {
		r.observer.send("error", "accept", err.Error(), nil)
	}
}

// refuseOthers marks the routers whose interface already carries another VRRP
// daemon of this host: the likeliest mistake of a migration is to start the
// new one beside the old one.
func refuseOthers(routers []vrrp.Config, refused map[vrrp.RouterID]string) {
	seen := make(map[string]string)
	for _, c := range routers {
		desc, asked := seen[c.ID.Interface]
		if !asked {
			desc, _ = kernel.OtherDaemon(c.ID.Interface)
			seen[c.ID.Interface] = desc
		}
		if desc != "" {
			refused[c.ID] = desc
		}
	}
}

func (r *routerRole) status(ctx context.Context) (routerStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	st, err := r.run.Status(ctx)
	if err != nil {
		return routerStatus{}, err
	}
	return routerStatus{Routers: st.Routers, Interfaces: st.Interfaces, Addresses: st.Addresses}, nil
}
