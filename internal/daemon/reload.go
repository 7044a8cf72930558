package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
)

// reloadRequest says how to reload.
type reloadRequest struct {
	dryRun  bool          // only tell what would change
	confirm time.Duration // roll back unless confirmed within; 0 = no need to
	goOn    bool          // answer once the plan is accepted, apply it afterwards
	// replay loads the files as they were when what is in force was loaded, for
	// new addresses of the host names in them.
	replay bool
}

// reloadConfig loads the files again, logs the plan and applies exactly it, in
// one step per role. A configuration with an error changes nothing. One reload
// runs at a time; one that comes after the stop has begun is refused.
func (s *supervisor) reloadConfig(ctx context.Context, req reloadRequest) api.Reload {
	s.reloading.Lock()
	r, apply := s.prepareReload(ctx, req)
	if apply == nil {
		s.reloading.Unlock()
		return r
	}
	s.expectConfirmation(req.confirm)
	if !req.goOn {
		defer s.reloading.Unlock()
		return apply()
	}
	r = s.pendingOutcome(r)
	go func() {
		defer s.reloading.Unlock()
		apply()
	}()
	return r
}

// prepareReload does what comes before the first change: it returns the outcome
// if there is none to be made, otherwise the plan and what carries it out.
func (s *supervisor) prepareReload(ctx context.Context, req reloadRequest) (api.Reload, func() api.Reload) {
	if s.isLeaving() {
		return api.Reload{At: time.Now(), Error: "the daemon is stopping"}, nil
	}
	defer s.readingFiles(req)()
	if r, same := s.sameFiles(req); same {
		return r, nil
	}
	before := s.filesNow()
	files := s.recordingOf(s.config())
	if req.replay {
		files = files.replay()
	} else {
		files = files.next()
		s.names.refresh()
	}
	cfg, diags := loadConfig(s.opt, files, s.names)
	if cfg == nil {
		if !req.replay {
			s.noteFiles(before, s.config().Files)
		}
		return s.rejected(req, diags), nil
	}
	r := api.Reload{At: time.Now(), Plan: s.plan(ctx, cfg), Diagnostics: diags}
	if req.dryRun {
		r.OK = true
		return r, nil
	}
	return r, func() api.Reload {
		notifyReloading()
		defer notifySystemd(daemon.SdNotifyReady)
		s.logDiagnostics(diags)
		if !req.replay {
			s.noteFiles(before, cfg.Files)
		}
		old := s.config()
		s.keepRecording(cfg, files)
		r := s.applyPlan(cfg, r)
		go debug.FreeOSMemory() // what reading the files took
		if !req.replay {        // which nobody has asked for: it confirms nothing
			s.awaitConfirmation(old, req.confirm)
		}
		return s.reloaded(r)
	}
}

// pendingOutcome tells of a reload that has begun, whose outcome comes with the status
// under the same number.
func (s *supervisor) pendingOutcome(r api.Reload) api.Reload {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reload.Pending = true
	r.OK, r.Pending = true, true
	r.Count, r.Failed = s.reload.Count+1, s.reload.Failed
	return r
}

// readingFiles makes the reload file, which is there until the reload is over, for
// programs that write the configuration.
func (s *supervisor) readingFiles(req reloadRequest) (over func()) {
	path := s.config().Global.ReloadFile
	if path == "" || req.replay {
		return func() {}
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		s.warn("reload", "make reload file: "+err.Error(), nil)
	}
	return func() { os.Remove(path) }
}

// sameFiles answers a reload of the very files that are in force: it need not
// read thousands of services to find that nothing changed.
func (s *supervisor) sameFiles(req reloadRequest) (api.Reload, bool) {
	s.mu.Lock()
	cfg, last, pending := s.cfg, s.reload, s.pending != nil
	files := s.recordings[cfg]
	s.mu.Unlock()
	if req.replay || files == nil || !last.OK || pending || !files.unchanged() || s.names.changed(cfg.HostNames) {
		return api.Reload{}, false
	}
	r := api.Reload{At: time.Now(), OK: true, Diagnostics: last.Diagnostics}
	if req.dryRun {
		return r, true
	}
	notifyReloading()
	defer notifySystemd(daemon.SdNotifyReady)
	s.noteFiles(s.filesNow(), cfg.Files)
	s.notify.again()
	s.info("reload", "reload applied, 0 changes: the files are the same", map[string]any{"changes": 0})
	return s.reloaded(r), true
}

// reloadOnSignal reloads one after the other. The channel holds one signal:
// those that come while a reload runs make one more, which sees the last file.
func (s *supervisor) reloadOnSignal(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-signals:
			s.reloadConfig(ctx, reloadRequest{})
		case <-ctx.Done():
			return
		}
	}
}

// rejected reports a configuration that cannot be used; the running one stays.
func (s *supervisor) rejected(req reloadRequest, diags conf.Diagnostics) api.Reload {
	err := &ConfigError{Diagnostics: diags}
	r := api.Reload{At: time.Now(), Error: err.Error(), Diagnostics: diags}
	if req.dryRun {
		return r
	}
	s.add("error", "reload", "reload rejected, the running configuration stays: "+err.Error(), nil)
	s.logDiagnostics(diags)
	return s.reloaded(r)
}

// applyPlan puts cfg in force and logs what that changes.
func (s *supervisor) applyPlan(cfg *conf.Config, r api.Reload) api.Reload {
	s.keepPlace(cfg)
	s.carryOver(findRenames(s.config(), cfg))
	s.mu.Lock()
	s.cfg = cfg
	s.mu.Unlock()
	s.notify.apply(cfg)
	s.tracks.apply(cfg)
	s.hooks.configure(cfg.Global.Scripts)
	s.alerts.configure(cfg)
	s.events.setLogger(newLogger(s.opt.Log, cfg.Global.LogLevel, cfg.Global.LogFormat))
	changed := r.Plan.Changed()
	for _, c := range changed {
		s.info("plan", c.String(), map[string]any{"action": string(c.Action), "object": c.Object, "name": c.Name, "disrupts": c.Disrupts})
	}
	if err := s.applyConfig(); err != nil {
		r.Error = err.Error()
		s.warn("reload", "reload applied in part: "+r.Error, nil)
		return r
	}
	r.OK = true
	s.notify.again()
	s.info("reload", fmt.Sprintf("reload applied, %d changes", len(changed)), map[string]any{"changes": len(changed)})
	return r
}

// applyConfig gives both roles their share; a role that is being restarted
// gets it with its start.
func (s *supervisor) applyConfig() error {
	apply := func(c *child, configure func(*link.Peer, beginning) error) error {
		c.mu.Lock()
		peer := c.peer
		c.mu.Unlock()
		if peer == nil {
			return nil
		}
		return configure(peer, firstLife)
	}
	return errors.Join(apply(s.checker, s.configureChecker), apply(s.router, s.configureRouter))
}

// reloaded records the outcome for status.
func (s *supervisor) reloaded(r api.Reload) api.Reload {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Count, r.Failed = s.reload.Count+1, s.reload.Failed
	if !r.OK {
		r.Failed++
	}
	if s.pending != nil {
		r.ConfirmBy = s.pending.by
	}
	s.reload = r
	return r
}

func (s *supervisor) logDiagnostics(diags conf.Diagnostics) {
	for _, d := range diags {
		level := map[conf.Severity]string{conf.Error: "error", conf.Warning: "warn"}[d.Severity]
		if level == "" {
			level = "info"
		}
		s.add(level, "config", d.Summary, map[string]any{"file": d.File, "line": d.Line, "col": d.Col, "hint": d.Hint})
	}
}
