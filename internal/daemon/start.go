package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/program"
	"github.com/vipd/vipd/internal/spawn"
	"github.com/vipd/vipd/internal/track"
	"github.com/vipd/vipd/vrrp/kernel"
)

// Run is `vipd run`: it returns nil after a clean stop, which ctx asks for.
// A *ConfigError means that the configuration cannot be used.
func Run(ctx context.Context, opt Options) error {
	if opt.Rehearsal > 0 {
		return rehearse(opt)
	}
	signals := listenSignals(opt.Keepalived)
	defer signals.close()
	h, err := takeHandover(signals)
	if err != nil {
		return errors.Join(err, h.back(err))
	}
	h.await(takeOverBound)
	s, err := h.attempt(func() (*supervisor, error) { return prepare(opt, h, signals) })
	if err != nil {
		return errors.Join(err, h.back(err))
	}
	defer endInstance(s.lock, opt.RuntimeDir)
	h.confirm()
	beFrugal(supervisorGC)
	defer s.opt.PIDFiles.remove()
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
	r := program.Run(context.Background(), program.Command{Args: h.Command, Timeout: h.Timeout, User: cmp.Or(h.User, user)})
	if r.Err != nil {
		newLogger(opt.Log, "info", "text").Warn("run "+name+" program", "program", h.Command[0], "error", r.Err, "output", r.Output)
	}
}

// prepare does everything that can fail before a role is touched.
func prepare(opt Options, h *handover, signals *signalSet) (*supervisor, error) {
	names, files := newResolver(), newRecording().remembering()
	cfg, diags := loadConfig(opt, files, names)
	if cfg == nil {
		return nil, &ConfigError{Diagnostics: diags}
	}
	if err := enterNamespace(cfg.Global.Namespace); err != nil {
		return nil, err
	}
	opt.setUmask(cfg.Global.Umask)
	stateErr, err := opt.prepareDirs()
	if err != nil {
		return nil, err
	}
	if opt.PIDFiles == (PIDFiles{}) {
		opt.PIDFiles = PIDFilesOf(cfg.Global)
	}
	lock, recordErr, err := claimInstance(opt.RuntimeDir, h)
	if err != nil {
		return nil, err
	}
	if h == nil {
		runHook(opt, cfg.Global.Scripts.User, cfg.Global.Startup, "startup")
		stateErr = errors.Join(stateErr, track.InitFiles(cfg.Tracking.Files))
	}
	s := newSupervisor(opt, cfg, diags)
	s.startWith(stateErr)
	s.startWith(recordErr)
	s.startWith(s.opt.PIDFiles.note(roleSupervisor, os.Getpid()))
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

// setUmask sets that of the daemon and of its programs, if the configuration has
// one, else that of programs.
func (o *Options) setUmask(written *uint32) {
	switch {
	case written != nil:
		syscall.Umask(int(*written))
		o.ProgramUmask = nil
	case o.ProgramUmask != nil:
		spawn.SetUmask(*o.ProgramUmask)
	}
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
	return lock, errors.Join(recordErr, endLeaving(runtimeDir), beginRecord(runtimeDir)), nil
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
