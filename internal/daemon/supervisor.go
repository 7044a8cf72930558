package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/internal/notify"
	"github.com/vipd/vipd/internal/program"
	"github.com/vipd/vipd/internal/track"
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

// Run is `vipd run`: it returns nil after a clean stop, which ctx asks for.
// A *ConfigError means that the configuration cannot be used.
func Run(ctx context.Context, opt Options) error {
	if opt.Rehearsal > 0 {
		return rehearse(opt)
	}
	signals := listenSignals(opt.keepalived())
	defer signals.close()
	h, err := takeHandover()
	if err != nil {
		return errors.Join(err, h.back(err))
	}
	h.await(takeOverBound)
	s, err := h.attempt(func() (*supervisor, error) { return prepare(opt, h, signals) })
	if err != nil {
		return errors.Join(err, h.back(err))
	}
	defer unlockInstance(s.lock)
	h.confirm()
	err = s.run(ctx)
	defer settleNotices()
	last := s.config().Global
	runHook(opt, last.Scripts.User, last.Shutdown, "shutdown")
	return err
}

// runHook runs a program of the daemon's own life. What it makes of it changes
// nothing for the daemon.
func runHook(opt Options, user string, h conf.Hook, name string) {
	if len(h.Command) == 0 {
		return
	}
	r := program.Run(context.Background(), program.Command{Args: h.Command, Timeout: h.Timeout, User: user})
	if r.Err != nil {
		newLogger(opt.Log, "info", "text").Warn("run "+name+" program", "program", h.Command[0], "error", r.Err, "output", r.Output)
	}
}

// prepare does everything that can fail before a role is touched.
func prepare(opt Options, h *handover, signals *signalSet) (*supervisor, error) {
	names, files := newResolver(), newRecording()
	cfg, diags := loadConfig(opt, files, names)
	if cfg == nil {
		return nil, &ConfigError{Diagnostics: diags}
	}
	if cfg.Global.Umask != nil {
		syscall.Umask(int(*cfg.Global.Umask))
	}
	stateErr, err := opt.prepareDirs()
	if err != nil {
		return nil, err
	}
	lock, recordErr, err := claimInstance(opt.RuntimeDir, h)
	if err != nil {
		return nil, err
	}
	if h == nil {
		runHook(opt, cfg.Global.Scripts.User, cfg.Global.Startup, "startup")
		stateErr = errors.Join(stateErr, track.InitFiles(cfg.Tracking.Files))
	}
	s, err := newSupervisor(opt, cfg, diags)
	if err != nil {
		h.unclaim(lock)
		return nil, err
	}
	s.startWith(stateErr)
	s.startWith(recordErr)
	s.lock, s.names, s.signals = lock, names, signals
	s.keepRecording(cfg, files)
	s.stopControl, err = s.serveControl()
	if err == nil && h != nil {
		err = s.inherit(h)
	}
	if err != nil {
		h.unclaim(lock)
		return nil, err
	}
	return s, nil
}

// tellTroubles warns of what is wrong with the state and the rights.
func (s *supervisor) tellTroubles() {
	for _, t := range s.troubles {
		s.warn("state", t, nil)
	}
	missing, err := missingCapabilities()
	if err != nil {
		missing = []string{err.Error()}
	}
	for _, m := range missing {
		s.warn("capability", m, nil)
	}
}

// startWith notes what is wrong and does not keep the daemon from starting.
func (s *supervisor) startWith(err error) {
	if err != nil {
		s.troubles = append(s.troubles, err.Error())
	}
}

// claimInstance locks the runtime directory and begins a new record of masters,
// unless both were handed over. Without the record a start is possible.
func claimInstance(runtimeDir string, h *handover) (lock *os.File, recordErr, err error) {
	if h != nil {
		h.lock = os.NewFile(uintptr(h.Lock), instanceLock)
		return h.lock, nil, nil
	}
	if lock, recordErr, err = lockInstance(runtimeDir); err != nil {
		return nil, nil, err
	}
	return lock, errors.Join(recordErr, beginRecord(runtimeDir)), nil
}

func newSupervisor(opt Options, cfg *conf.Config, diags conf.Diagnostics) (*supervisor, error) {
	peers, errPeers := openPeerMemory(opt.StateDir)
	overrides, errOverrides := openOverrides(opt.StateDir)
	standby, errStandby := openStandbyOrders(opt.StateDir)
	s := &supervisor{
		opt: opt, cfg: cfg, peers: peers, standby: standby, started: time.Now(),
		overrides: overrides, recheck: make(chan struct{}, 1), heard: make(chan struct{}, 1), configured: make(chan struct{}), masters: map[vrrp.RouterID]bool{},
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
	spawn := spawnProcess(opt)
	if opt.OneProcess {
		spawn = spawnGoroutine(opt)
	}
	s.router = s.newChild(roleRouter, spawn, s.configureRouter)
	s.router.handOver = s.handOverBound
	s.router.beforePause = s.bequeathBeforePause
	s.checker = s.newChild(roleChecker, spawn, s.configureChecker)
	s.checker.handOver = s.removalBound
	return s, nil
}

// beginRecord voids what earlier supervisors recorded about their masters: only
// a role that dies under this one may resume.
func beginRecord(runtimeDir string) error {
	record, err := kernel.OpenRecord(runtimeDir)
	if err != nil {
		return fmt.Errorf("open runtime record: %w", err)
	}
	record.Begin()
	return record.Close()
}

func (s *supervisor) newChild(name string, spawn spawner, configure func(*link.Peer, beginning) error) *child {
	return &child{
		name: name, spawn: spawn, handle: s.noticesOf(name), configure: configure, heir: make(chan *process, 1),
		report: func(level, message string, attrs map[string]any) {
			s.add(level, "role", message, attrs)
		},
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
	var roles sync.WaitGroup
	s.notify.apply(s.config())
	if s.inherited != nil {
		s.tracks.manager.Recall(s.inherited.Verdicts)
	}
	s.tracks.apply(s.config())
	configured := make([]chan error, 2)
	for i, c := range []*child{s.checker, s.router} {
		configured[i] = make(chan error, 1)
		roles.Go(func() {
			if c == s.router && s.inherited == nil {
				s.tracks.awaitFirst(ctx)
			}
			c.run(life, configured[i])
		})
	}
	roles.Go(func() { s.keepOverrides(life) })
	roles.Go(func() { s.keepNames(life) })
	roles.Go(func() { s.keepPeers(life) })
	roles.Go(func() { s.tracks.run(life) })
	roles.Go(func() { s.expireStandby(life) })
	roles.Go(func() { s.reapOrphans(life) })
	for _, ch := range configured {
		if err := <-ch; err != nil {
			s.warn("daemon", "role is not configured yet: "+err.Error(), nil)
		}
	}
	close(s.configured)
	s.settleUpgrade(life)
	if !s.opt.OneProcess && s.inherited == nil && !guarded() {
		if err := startGuard(s.opt); err != nil {
			s.warn("daemon", "start guard: "+err.Error(), nil)
		}
	}
	if p := s.config().Global.Supervisor; !s.opt.OneProcess {
		if err := careFor(p); err != nil {
			s.warn("daemon", err.Error(), nil)
		}
	}
	s.info("daemon", "ready", nil)
	go debug.FreeOSMemory() // what reading the configuration took
	if s.inherited != nil {
		tightenWatchdog()
	}
	notifySystemd(daemon.SdNotifyReady)
	roles.Go(func() { s.autoReload(life) })
	roles.Go(func() { s.reloadOnSignal(life, s.signals.reload) })
	s.serve(ctx, s.signals)

	notifySystemd(daemon.SdNotifyStopping)
	err := s.leave(s.signals)
	endLife()
	roles.Wait()
	s.notify.close()
	s.info("daemon", "stopped", nil)
	return err
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
	keep := s.config().Global.KeepAll
	errRouter := s.router.stop(routerStop{Keep: keep})
	close(left)
	errChecker := s.checker.stop(checkerStop{KeepTable: keep || s.config().Global.KeepTable})
	s.alerts.stop()
	s.hooks.leave(s.config())
	if err := errors.Join(errRouter, errChecker); err != nil {
		s.warn("daemon", "stop: "+err.Error(), nil)
		return err
	}
	return nil
}

// noticesOf takes what a role reports.
func (s *supervisor) noticesOf(role string) link.Handler {
	return func(ctx context.Context, method string, body json.RawMessage) (any, error) {
		if method == link.NoticeLost {
			s.warn("role", fmt.Sprintf("%s notices of role %s were lost: more came than could be taken", body, role), map[string]any{"role": role})
			return nil, nil
		}
		return s.notice(ctx, method, body)
	}
}

// notice takes what any role reports.
func (s *supervisor) notice(_ context.Context, method string, body json.RawMessage) (any, error) {
	switch method {
	case noticeEvent:
		return nil, handled(body, s.events.add)
	case noticeReady:
		go s.markTableReady()
		return nil, nil
	case noticeState:
		return nil, handled(body, s.setInstance)
	case noticeChange:
		return nil, handled(body, s.poolChanged)
	case noticeTransition:
		return nil, handled(body, s.notify.change)
	case noticeMemory:
		return nil, handled(body, s.checks.add)
	case noticeVerdict:
		return nil, handled(body, s.checks.replace)
	case noticePeerHeard:
		return nil, handled(body, s.peerHeard)
	}
	return nil, fmt.Errorf("unknown notice %q", method)
}

// markTableReady lets the router preempt: the table is programmed. It comes
// after every pass; the first one is news.
func (s *supervisor) markTableReady() {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	known := s.tableReady
	s.tableReady = true
	s.mu.Unlock()
	if known {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// A router between two lives learns it from its next configuration, one
	// that leaves needs it no more.
	if err := s.router.call(ctx, callReady, nil, nil); err != nil && !errors.Is(err, errNotRunning) && !s.router.isStopping() {
		s.warn("role", err.Error(), nil)
	}
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

func (s *supervisor) isTableReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tableReady
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

// configureRouter sends the router role its whole share in one message.
func (s *supervisor) configureRouter(p *link.Peer, how beginning) error {
	s.telling.Lock()
	defer s.telling.Unlock()
	// The memories have mutexes of their own, which they hold while they write
	// to the disk: s.mu must not wait for that.
	c := s.config()
	msg := routerConfig{
		Routers: slices.Clone(c.Routers), Static: c.Static, PeerHeard: s.peers.list(),
		Groups: groupsOf(c), StandBy: s.standby.list(c), Observed: s.tracks.verdicts(),
		AwaitReady: !s.isTableReady(), Resume: how == nextLife, Inherited: how == inherited, AllowOtherDaemon: c.Global.AllowOtherDaemon,
		RealTime: c.Global.RealTimePriority, Process: c.Global.Router,
		Answers: c.Global.Answers, Notices: c.Global.Notices,
	}
	s.keepRouters()
	return callConfigured(p, msg)
}

// configureChecker sends the checker role its whole share in one message.
func (s *supervisor) configureChecker(p *link.Peer, how beginning) error {
	overrides := s.overrides.active(time.Now())
	s.mu.Lock()
	msg := checkerConfig{
		Services: s.cfg.Services, MaintenanceDir: s.cfg.Global.MaintenanceDir, IPVS: s.cfg.IPVS, Sync: s.cfg.Sync, Process: s.cfg.Global.Checker,
		Overrides: overrides, Instances: s.instanceStates(),
		Virtual: virtualAddresses(s.cfg), Start: how == firstLife,
	}
	s.mu.Unlock()
	if how == nextLife { // all others have it
		msg.Memory = s.checks.get()
	}
	return callConfigured(p, msg)
}

// configureBound is generous: a role that takes longer is reported, its
// configuration goes on.
const configureBound = 10 * time.Second

func callConfigured(p *link.Peer, msg any) error {
	ctx, cancel := context.WithTimeout(context.Background(), configureBound)
	defer cancel()
	return p.Call(ctx, callConfigure, msg, nil)
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
