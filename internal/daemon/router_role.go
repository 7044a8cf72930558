package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vipd/vipd/conf"
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
	left     error              // what it left undone; set when done is closed
	observer *observer
	// realTimeRefused is what was last said about a priority that the kernel
	// does not grant.
	realTimeRefused string
	lock            *os.File       // that the addresses are this process's
	yielded         atomic.Bool    // another process goes on
	filter          *kernel.Filter // where packets are dropped, nil until it is known

	// acting is held while a configuration is put in force: one at a time, and
	// none once the end has begun, which would bring back what was removed.
	acting sync.Mutex
	ending bool // under acting

	mu     sync.Mutex
	config routerConfig // the last one
}

// runRouter serves the router role until its link ends; then, or when told
// to stop, it leaves: priority 0, addresses removed.
func runRouter(ctx context.Context, conn io.ReadWriteCloser, opt Options) (err error) {
	r := newRouterRole(conn, opt)
	if r.lock, err = tryLock(filepath.Join(opt.RuntimeDir, routerLock)); err != nil {
		return err
	}
	if err = r.openRecord(); err != nil {
		return errors.Join(err, r.lock.Close())
	}
	if r.kernel, err = kernel.Open(r.kernelOptions()); err != nil {
		return errors.Join(fmt.Errorf("open kernel interfaces: %w", err), r.record.Close(), r.lock.Close())
	}
	r.run = runner.New(r.runnerOptions())
	return r.serve(ctx, func() error { return nil })
}

// openRecord opens the record of masters. Adverts need none.
func (r *routerRole) openRecord() (err error) {
	if r.record, err = kernel.OpenRecord(r.opt.RuntimeDir); err != nil {
		r.observer.send("warn", "state", "a crash of the router role will be a failover: open runtime record: "+err.Error(), nil)
		r.record, err = kernel.VolatileRecord()
	}
	return err
}

func (r *routerRole) kernelOptions() kernel.Options {
	return kernel.Options{
		RuntimeDir: r.opt.RuntimeDir, Feed: func(e vrrp.Event) { r.run.Do(e) }, Observe: r.observer.Address,
	}
}

func (r *routerRole) runnerOptions() runner.Options {
	return runner.Options{
		Wire: r.kernel.Wire(), Links: r.kernel.Links(), Announcer: r.kernel.Announcer(), Watch: r.kernel.Watch,
		Claim: r.kernel.Claim, Overhear: r.kernel.Overhear, Probe: r.kernel.Probe, Idle: r.kernel.Idle,
		Observer: r.observer, Now: kernel.Now, Wall: time.Now, Record: r.record,
	}
}

// serve runs the engine, does what comes before the first message, and runs the
// link, until both have ended. What another process goes on with stays.
func (r *routerRole) serve(ctx context.Context, begin func() error) error {
	runCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.left = r.run.Run(runCtx)
	}()
	linkErr := begin()
	if linkErr == nil {
		linkErr = r.peer.Run(ctx)
	}
	cancel()
	<-r.done
	if r.yielded.Load() {
		return linkErr
	}
	r.end()
	r.refuseTraffic(nil, r.configured().Filter)
	return errors.Join(r.left, linkErr, r.kernel.Close(), r.record.Close(), r.lock.Close())
}

// handle answers the supervisor.
func (r *routerRole) handle(ctx context.Context, method string, body json.RawMessage) (any, error) {
	switch method {
	case callConfigure:
		return nil, answered(body, func(cfg routerConfig) error { return r.configure(ctx, cfg) })
	case callStatus:
		return r.status(ctx)
	case callObserved:
		return nil, handled(body, r.observed)
	case callStandBy:
		return nil, handled(body, func(orders []vrrp.Standby) { r.run.Do(&vrrp.StandBy{Orders: orders}) })
	case callReady:
		r.run.Do(&vrrp.TableReady{})
		return nil, nil
	case callYield:
		return nil, answered(body, func(o yieldOrder) error { return r.yield(ctx, o) })
	case callPing:
		_, err := r.run.Status(ctx)
		return nil, err
	case callStop:
		return nil, answered(body, func(how routerStop) error { return r.stop(ctx, how) })
	}
	return nil, fmt.Errorf("unknown call %q", method)
}

// end waits for a configuration that is being put in force; none comes after.
func (r *routerRole) end() {
	r.acting.Lock()
	defer r.acting.Unlock()
	r.ending = true
}

// errEnding is the answer to a configuration that comes too late.
var errEnding = errors.New("the role is leaving")

// stop leaves as it is told, and returns what was left undone.
func (r *routerRole) stop(ctx context.Context, how routerStop) error {
	r.end()
	if how.Keep {
		return r.keep(ctx)
	}
	if how.Immediate {
		r.run.Do(&vrrp.Stop{Immediate: true})
	}
	r.cancel()
	<-r.done
	return r.left
}

// configure turns the supervisor's message into one event for the engine.
func (r *routerRole) configure(ctx context.Context, cfg routerConfig) error {
	r.acting.Lock()
	defer r.acting.Unlock()
	if r.ending {
		return errEnding
	}
	r.mu.Lock()
	r.config = cfg
	r.mu.Unlock()
	r.setRealTime(cfg.RealTime)
	r.careFor(cfg.Process)
	if err := r.kernel.SetBuffers(kernel.Buffer(cfg.Answers), kernel.Buffer(cfg.Notices)); err != nil {
		r.observer.send("warn", "role", err.Error(), nil)
	}
	ev := &vrrp.Configure{
		Routers: cfg.Routers, Groups: cfg.Groups, StandBy: cfg.StandBy, AwaitReady: cfg.AwaitReady,
		PeerHeard: make(map[vrrp.RouterID]bool, len(cfg.PeerHeard)),
		Refused:   make(map[vrrp.RouterID]string),
	}
	for _, id := range cfg.PeerHeard {
		ev.PeerHeard[id] = true
	}
	ev.Counted = r.record.Sequences()
	if cfg.Resume {
		ev.Resume = r.record.Resume(cfg.Routers, kernel.Now())
	}
	if !cfg.AllowOtherDaemon {
		refuseOthers(cfg.Routers, ev)
	}
	// Who goes on as master says so first: the rules that it needs are there.
	if len(ev.Resume) == 0 {
		r.refuseTraffic(cfg.Routers, cfg.Filter)
	}
	r.kernel.Static(cfg.Static)
	// Before: a track that is new, or has another name, counts from the start.
	r.observed(cfg.Observed)
	r.run.Do(ev)
	if len(ev.Resume) > 0 {
		r.refuseTraffic(cfg.Routers, cfg.Filter)
	}
	if cfg.Inherited {
		return r.introduce(ctx)
	}
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

func (r *routerRole) careFor(p conf.Process) {
	if r.opt.OneProcess {
		return
	}
	if err := careFor(p); err != nil {
		r.observer.send("warn", "role", err.Error(), nil)
	}
}

// introduce tells a new supervisor which instances are master.
func (r *routerRole) introduce(ctx context.Context) error {
	st, err := r.status(ctx)
	for _, rt := range st.Routers {
		for _, c := range r.configured().Routers {
			if c.ID.Interface == rt.Interface && c.ID.VRID == rt.VRID && c.ID.Family.String() == rt.Family {
				_ = r.peer.Notify(noticeState, instanceState{ID: c.ID, Master: rt.State == vrrp.StateMaster})
			}
		}
	}
	return err
}

// keep ends the role without leaving: what it put on the host stays.
func (r *routerRole) keep(ctx context.Context) error {
	if err := r.run.Yield(ctx, 0, func(runner.Left, time.Time) error { return nil }); err != nil {
		return err
	}
	r.yielded.Store(true)
	r.kernel.Halt()
	return nil
}

// configured returns the last configuration.
func (r *routerRole) configured() routerConfig {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config
}

// observed passes verdicts about what is tracked on.
func (r *routerRole) observed(all []vrrp.Observed) {
	for i := range all {
		r.run.Do(&all[i])
	}
}

// refuseTraffic makes the kernel drop what is not to be accepted. Failing that,
// addresses that answer are better than none.
func (r *routerRole) refuseTraffic(routers []vrrp.Config, f *conf.Filter) {
	if f == nil {
		f = &conf.DefaultFilter
	}
	now := kernel.Filter{Table: f.Table, Priority: int32(f.Priority)}
	err := kernel.RefuseTraffic(routers, now)
	if was := r.filter; was != nil && was.Table != now.Table {
		err = errors.Join(err, kernel.RefuseTraffic(nil, *was))
	}
	r.filter = &now
	if err != nil {
		r.observer.send("error", "accept", err.Error(), nil)
	}
}

// refuseOthers marks the routers that another VRRP daemon of this host already
// runs: the likeliest mistake of a migration is to start the new one beside the
// old one. Those that were master just now were looked at when they began.
func refuseOthers(routers []vrrp.Config, ev *vrrp.Configure) {
	others := newOtherDaemons()
	for _, c := range routers {
		if ev.Resume[c.ID] {
			continue
		}
		if desc := others.running(c.ID); desc != "" {
			ev.Refused[c.ID] = desc
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
	return routerStatus{Goroutines: runtime.NumGoroutine(), Routers: st.Routers, Interfaces: st.Interfaces, Addresses: st.Addresses}, nil
}
