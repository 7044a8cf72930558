package daemon

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/internal/notify"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/kernel"
	"github.com/vipd/vipd/vrrp/runner"
)

// supervisor owns configuration, signals, control socket and the two roles.
type supervisor struct {
	opt     Options
	events  *eventLog
	router  *child
	checker *child
	started time.Time
	bootAge time.Duration // of the machine when this started
	peers   *peerMemory
	checks  checkMemory
	names   *resolver
	hooks   *hooks
	alerts  *alerts

	overrides   *overrideStore
	recheck     chan struct{} // the overrides changed
	heard       chan struct{} // of a peer that was not known
	tracks      *tracking
	notify      *notifications
	standby     *standbyOrders
	lock        *os.File // of the instance
	signals     *signalSet
	inherited   *handover // of the binary before, nil at a fresh start
	stopControl func()
	troubles    []string      // that did not keep the daemon from starting
	configured  chan struct{} // closed when the roles have their first configuration

	mu         sync.Mutex
	cfg        *conf.Config
	recordings map[*conf.Config]*recording // what cfg and the one before were made of
	masters    map[vrrp.RouterID]bool      // those that are master
	// electionSeq counts the changes of masters.
	electionSeq uint64
	reload      api.Reload
	lastUpgrade api.Upgrade
	tableReady  bool
	pending     *pendingReload
	loaded      string // fingerprint of the files that were last loaded
	leaving     bool

	reloading sync.Mutex // one reload at a time
	// telling is held from reading what the router role is told until it has
	// taken it: a role answers calls side by side, and a configuration with
	// verdicts or orders of before must not come after newer ones.
	telling sync.Mutex
	keeping sync.Mutex // one writer of what a last will takes

	dumping sync.Mutex
	cleared map[vrrp.RouterID]vrrp.Counters // when the statistics were cleared
}

// newSupervisor returns a supervisor of cfg that has started nothing yet. State
// that cannot be read is a trouble that it will tell of.
func newSupervisor(opt Options, cfg *conf.Config, diags conf.Diagnostics) *supervisor {
	peers, errPeers := openPeerMemory(opt.StateDir)
	overrides, errOverrides := openOverrides(opt.StateDir)
	standby, errStandby := openStandbyOrders(opt.StateDir)
	s := &supervisor{
		opt: opt, cfg: cfg, peers: peers, standby: standby, started: time.Now(),
		bootAge: kernel.SinceBoot(), overrides: overrides, recheck: make(chan struct{}, 1), heard: make(chan struct{}, 1), configured: make(chan struct{}), masters: map[vrrp.RouterID]bool{},
		events: newEventLog(newLogger(opt.Log, cfg.Global.LogLevel, cfg.Global.LogFormat)),
		reload: api.Reload{At: time.Now(), OK: true, Diagnostics: diags},
	}
	s.tracks = newTracking(s)
	s.notify = newNotifications(s)
	for _, err := range []error{errPeers, errOverrides, errStandby} {
		s.startWith(err)
	}
	if errStandby != nil {
		s.standby.presume(cfg)
	}
	s.loaded = s.filesNow()
	s.hooks = newHooks(s.warn)
	s.alerts = newAlerts(s.events.add, s.hooks.start, func(c notify.Change) { s.notify.notifier.Mail(c) })
	s.hooks.configure(cfg.Global.Scripts)
	s.alerts.configure(cfg)
	spawn := spawnProcess(opt, func() int { return s.config().Global.RealTimePriority })
	if opt.OneProcess {
		spawn = spawnGoroutine(opt)
	}
	s.router = s.newChild(roleRouter, spawn, s.configureRouter)
	if !opt.OneProcess {
		s.router.spare = &spare{name: roleRouter, spawn: spawn}
	}
	s.router.handOver = s.handOverBound
	s.router.beforePause = s.bequeathBeforePause
	s.checker = s.newChild(roleChecker, spawn, s.configureChecker)
	s.checker.handOver = s.removalBound
	if opt.NoRespawn {
		s.router.last, s.checker.last = s.stopSelf, s.stopSelf
	}
	return s
}

func (s *supervisor) newChild(name string, spawn spawner, configure func(*link.Peer, beginning) error) *child {
	return &child{
		name: name, spawn: spawn, handle: s.noticesOf(name), configure: configure, began: s.notePID, heir: make(chan *process, 1),
		report: func(level, message string, attrs map[string]any) { s.add(level, "role", message, attrs) },
	}
}

// run starts the roles, serves until ctx ends, then leaves in order.
func (s *supervisor) run(ctx context.Context) error {
	s.info("daemon", "starting", map[string]any{"version": s.opt.Version, "pid": os.Getpid(), "director": s.config().Director})
	s.logDiagnostics(s.reload.Diagnostics)
	s.tellTroubles()
	defer s.stopControl()

	s.signals.catchStop()
	life, endLife := context.WithCancel(context.Background())
	defer endLife()
	var work sync.WaitGroup
	s.notify.apply(s.config())
	if s.inherited != nil {
		s.tracks.manager.Recall(s.inherited.Verdicts)
	}
	s.tracks.apply(s.config())
	configured := s.startRoles(ctx, life, &work)
	for _, keep := range []func(context.Context){s.keepOverrides, s.keepNames, s.keepPeers, s.tracks.run, s.expireStandby, s.reapOrphans} {
		work.Go(func() { keep(life) })
	}
	for _, ch := range configured {
		if err := <-ch; err != nil {
			s.warn("daemon", "role is not configured yet: "+err.Error(), nil)
		}
	}
	close(s.configured)
	s.settleUpgrade(life)
	s.careForProcess()
	s.info("daemon", "ready", nil)
	go debug.FreeOSMemory() // what reading the configuration took
	if s.inherited != nil {
		tightenWatchdog()
	}
	notifySystemd(daemon.SdNotifyReady)
	s.startWatches(life, &work)
	work.Go(func() { s.reloadOnSignal(life, s.signals.reload) })
	s.serve(ctx, s.signals)

	notifySystemd(daemon.SdNotifyStopping)
	err := s.leave(s.signals)
	endLife()
	work.Wait()
	s.notify.close()
	s.info("daemon", "stopped", nil)
	return err
}

// startWatches begins what a ready daemon does by itself.
func (s *supervisor) startWatches(life context.Context, work *sync.WaitGroup) {
	work.Go(func() { s.autoReload(life) })
	work.Go(func() { s.keepSchedule(life) })
	if s.opt.LogConfig {
		work.Go(func() { s.logConfig(life) })
	}
	if s.opt.WatchAddresses {
		work.Go(func() { s.watchAddresses(life) })
	}
}

// startRoles keeps the roles running for life, and returns what tells of the
// first configuration of each. The first router of all waits for what is tracked
// to have been looked at.
func (s *supervisor) startRoles(ctx, life context.Context, work *sync.WaitGroup) []chan error {
	configured := make([]chan error, 2)
	for i, c := range []*child{s.checker, s.router} {
		configured[i] = make(chan error, 1)
		work.Go(func() {
			if c == s.router && s.inherited == nil {
				s.tracks.awaitFirst(ctx)
			}
			c.run(life, configured[i])
		})
	}
	return configured
}

// careForProcess starts the guard of this process, where nobody else is one, and
// gives it what the configuration asks for. Its roles may share it.
func (s *supervisor) careForProcess() {
	if s.opt.OneProcess {
		return
	}
	if s.inherited == nil && !guarded() {
		if err := startGuard(s.opt); err != nil {
			s.warn("daemon", "start guard: "+err.Error(), nil)
		}
	}
	if err := careFor(s.config().Global.Supervisor); err != nil {
		s.warn("daemon", err.Error(), nil)
	}
}

// stopSelf asks for a stop as a service manager does.
func (s *supervisor) stopSelf() {
	select {
	case s.signals.terminate <- syscall.SIGTERM:
	default: // one is under way
	}
}

// serve handles signals and the watchdog until a stop is asked for.
func (s *supervisor) serve(ctx context.Context, signals *signalSet) {
	alive := watchdogTicks()
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals.terminate:
			s.info("daemon", "stopping", map[string]any{"signal": sig.String()})
			return
		case sig := <-signals.dump:
			go s.dumpState(sig)
		case <-signals.upgrade:
			go s.upgradeOnSignal()
		case <-alive:
			go s.feedWatchdog()
		}
	}
}

// leave stops the roles in the order that keeps service longest: addresses
// first, then the IPVS table. A second signal ends the hand-over.
func (s *supervisor) leave(signals *signalSet) error {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	left := make(chan struct{})
	go func() {
		select {
		case <-left:
		case sig := <-signals.terminate:
			s.info("daemon", "leaving at once", map[string]any{"signal": sig.String()})
			// Its end is awaited below.
			_ = s.router.call(context.Background(), callStop, routerStop{Immediate: true}, nil)
		}
	}()
	g := s.config().Global
	errRouter := s.router.stop(routerStop{Keep: g.KeepAll || s.opt.KeepAddresses})
	if errors.Is(errRouter, errNotRunning) {
		errRouter = nil // the last will of the one before was carried out
	}
	close(left)
	errChecker := s.stopChecker(leaving(s.config()))
	s.alerts.stop()
	s.hooks.leave(s.config())
	if err := errors.Join(errRouter, errChecker); err != nil {
		s.warn("daemon", "stop: "+err.Error(), nil)
		return err
	}
	return nil
}

// stopChecker has the checker role leave the table. What one that has died has
// left is removed without it.
func (s *supervisor) stopChecker(how checkerStop) error {
	err := s.checker.stop(how)
	switch dead := errors.Is(err, errNotRunning) || errors.Is(err, link.ErrClosed); {
	case !dead:
		return err
	case how.keepsAll():
		return nil
	}
	return removeTable(s.opt.RuntimeDir, how)
}

// handOverBound is the longest hand-over of the configuration, and what the
// removal of all addresses may take.
func (s *supervisor) handOverBound() time.Duration {
	var longest time.Duration
	addresses := 0
	for _, c := range s.config().Routers {
		longest = max(longest, c.LeaveBound())
		addresses += len(c.Addresses) + len(c.Excluded)
	}
	return longest + time.Duration(addresses)*runner.RemovalBound + s.patience()
}

// patience is how much longer than usual roles may take to leave.
func (s *supervisor) patience() time.Duration {
	return max(s.config().Global.StopTimeout-stopBound, 0)
}

func (s *supervisor) isLeaving() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaving
}

func (s *supervisor) config() *conf.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

func (s *supervisor) info(kind, message string, attrs map[string]any) {
	s.add("info", kind, message, attrs)
}

func (s *supervisor) warn(kind, message string, attrs map[string]any) {
	s.add("warn", kind, message, attrs)
}

// add records an event.
func (s *supervisor) add(level, kind, message string, attrs map[string]any) {
	s.events.add(api.Event{Level: level, Kind: kind, Message: message, Attrs: attrs})
}
