package daemon

import (
	"context"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/internal/notify"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/kernel"
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
	share   checkerShare
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
	stopAsked   chan struct{} // closed when a stop is asked for
	executions  chan execution
	// finish removes what the router role has left, within a bound.
	finish func(time.Duration) error

	mu         sync.Mutex
	cfg        *conf.Config
	recordings map[*conf.Config]*recording // what cfg and the one before were made of
	byName     serviceIndex
	masters    map[vrrp.RouterID]bool // those that are master
	// electionSeq counts the changes of masters.
	electionSeq    uint64
	changedMasters chan struct{} // capacity 1
	reload         api.Reload
	lastUpgrade    api.Upgrade
	tableReady     bool
	pending        *pendingReload
	accepting      acceptance
	loaded         string // fingerprint of the files that were last loaded
	leaving        bool

	reloading sync.Mutex // one reload at a time
	upgrading sync.Mutex // held while roles change their binary
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
		bootAge: kernel.SinceBoot(), overrides: overrides, recheck: make(chan struct{}, 1), heard: make(chan struct{}, 1), configured: make(chan struct{}),
		stopAsked: make(chan struct{}), executions: make(chan execution), masters: map[vrrp.RouterID]bool{}, changedMasters: make(chan struct{}, 1),
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
	s.router.handOver, s.finish = s.handOverBound, finishApart(opt)
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
	starting, endStart := s.untilStop(ctx)
	defer endStart()
	configured := s.startRoles(starting, life, &work)
	for _, keep := range []func(context.Context){s.keepOverrides, s.keepNames, s.keepPeers, s.keepMasters, s.tracks.run, s.expireStandby, s.reapOrphans} {
		work.Go(func() { keep(life) })
	}
	work.Go(func() { s.begin(starting, life, configured, &work) })
	if s.inherited != nil && s.inherited.Stop {
		s.stopSelf()
	}
	s.serve(ctx, s.signals)
	close(s.stopAsked)

	notifyStopping(s.stopBoundOfAll())
	err := s.leave(s.signals)
	endLife()
	work.Wait()
	s.notify.close()
	s.info("daemon", "stopped", nil)
	s.events.flush(logBound)
	return err
}

// begin waits until the roles are configured and takes up what a ready daemon
// does. The end of starting, a stop, cuts it short.
func (s *supervisor) begin(starting, life context.Context, configured []chan error, work *sync.WaitGroup) {
	for _, ch := range configured {
		select {
		case err := <-ch:
			if err != nil {
				s.warn("daemon", "role is not configured yet: "+err.Error(), nil)
			}
		case <-starting.Done():
			return
		}
	}
	close(s.configured)
	s.settleUpgrade(starting)
	if starting.Err() != nil {
		return
	}
	s.careForProcess()
	s.info("daemon", "ready", nil)
	go debug.FreeOSMemory() // what reading the configuration took
	if s.inherited != nil {
		tightenWatchdog()
	}
	notifySystemd(daemon.SdNotifyReady)
	s.startWatches(life, work)
	s.reloadOnSignal(life, s.signals.reload)
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
		case x := <-s.executions:
			x.failed <- s.execute(x)
		case <-alive:
			go s.feedWatchdog()
		}
	}
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
