package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/succession"
)

const (
	// takeOverBound is how long a binary may take to show that it can take
	// over, and later to be ready.
	takeOverBound = 10 * time.Second
	// yieldBound is how long a role may look for a quiet moment and its
	// successor take to answer.
	yieldBound = 45 * time.Second
)

// errUpgrade is wrapped by what keeps an upgrade from beginning.
var errUpgrade = errors.New("upgrade refused")

// upgrade lets another binary go on in place of this one, the installed one when
// none is named: first the roles, each of which verifies what it is left, then
// the supervisor, under the same process id. On success it does not return;
// after an error the roles are of this binary again.
func (s *supervisor) upgrade(ctx context.Context, binary string) (err error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.upgrading.Lock()
	defer s.upgrading.Unlock()
	ctx, cancel := s.untilStop(ctx)
	defer cancel()
	defer func() { s.upgraded(api.Upgrade{At: time.Now(), To: binary, Error: err.Error()}) }()
	if s.opt.OneProcess || s.isLeaving() || s.awaitsConfirmation() {
		return fmt.Errorf("%w: not with --one-process, during a stop or while a reload waits for its confirmation", errUpgrade)
	}
	if binary == "" {
		self, err := os.Readlink(ownBinary)
		if err != nil {
			return fmt.Errorf("find own binary: %w", err)
		}
		binary = strings.TrimSuffix(self, " (deleted)")
	}
	if err := s.verifyBinary(ctx, binary); err != nil {
		return err
	}
	s.info("upgrade", "the roles of "+binary+" take over", map[string]any{"binary": binary})
	heirs, err := s.succeedRoles(ctx, binary)
	if err == nil {
		err = s.executeWith(ctx, heirs, binary)
	}
	s.returnRoles(ctx, heirs)
	return err
}

// succeedRoles lets processes of a binary go on where the roles stand. After an
// error it returns those that do so already.
func (s *supervisor) succeedRoles(ctx context.Context, binary string) (map[*child]*process, error) {
	heirs := make(map[*child]*process)
	for _, c := range []*child{s.checker, s.router} {
		heir, err := s.succeed(ctx, c, binary)
		if err != nil {
			return heirs, err
		}
		heirs[c] = heir
	}
	return heirs, nil
}

// succeed lets a process of a binary go on where a role stands.
func (s *supervisor) succeed(ctx context.Context, c *child, binary string) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, yieldBound)
	defer cancel()
	socket := filepath.Join(s.opt.RuntimeDir, "successor-"+c.name+".sock")
	listener, err := succession.Listen(socket)
	if err != nil {
		return nil, err
	}
	defer os.Remove(socket)
	heir, err := startSuccessor(s.opt, binary, c.name, listener)
	listener.Close()
	if err != nil {
		return nil, err
	}
	if err := c.yield(ctx, socket); err != nil {
		heir.kill()
		heir.conn.Close()
		return nil, err
	}
	return heir, nil
}

// returnRoles makes the roles this binary's again after an upgrade that failed.
func (s *supervisor) returnRoles(ctx context.Context, heirs map[*child]*process) {
	for c, heir := range heirs {
		c.heir <- heir
		s.ownRole(ctx, c)
	}
}

// ownRole makes a role one of this binary. A process of the other binary that
// does not yield goes on: it serves. A stop must find it among the roles.
func (s *supervisor) ownRole(ctx context.Context, c *child) {
	err := c.awaitInherited(context.WithoutCancel(ctx))
	var own *process
	if err == nil {
		own, err = s.succeed(ctx, c, ownBinary)
	}
	if err != nil {
		s.warn("upgrade", "the other binary's role stays: "+err.Error(), map[string]any{"role": c.name})
		return
	}
	c.heir <- own
}

// executeWith executes the binary whose roles work already. It returns only when
// that is impossible.
func (s *supervisor) executeWith(ctx context.Context, heirs map[*child]*process, binary string) error {
	h := &handover{Version: handoverVersion, From: s.opt.Version, Args: os.Args, Lock: int(s.lock.Fd()), Verdicts: s.tracks.verdicts()}
	var err error
	if h.Binary, err = unix.Open(ownBinary, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("keep own binary: %w", err)
	}
	defer unix.Close(h.Binary)
	for c, heir := range heirs {
		r, err := heir.hand(c.name)
		if err != nil {
			return err
		}
		defer unix.Close(r.Link)
		h.Roles = append(h.Roles, r)
	}
	failed := make(chan error)
	select {
	case s.executions <- execution{h, binary, failed}:
		return <-failed
	case <-ctx.Done():
		return errStopped
	}
}

// errStopped is the end of an upgrade that a stop overtakes.
var errStopped = fmt.Errorf("%w: the daemon is stopping", errUpgrade)

// execution asks for another binary in place of this one.
type execution struct {
	handover *handover
	binary   string
	failed   chan<- error
}

// execute replaces this process by another binary, and returns only when that is
// impossible. It is for who takes the stops: none that has come is lost.
func (s *supervisor) execute(x execution) error {
	notifyReloading()
	loosenWatchdog()
	settleNotices()
	s.events.flush(logBound)
	s.signals.releaseStop()
	err := errStopped
	if len(s.signals.terminate) == 0 {
		// What is ignored stays so until the new binary listens.
		signal.Ignore(append(slices.Clone(dumpSignals), syscall.SIGHUP)...)
		err = x.handover.execute(s.opt.RuntimeDir, x.binary)
	}
	s.signals.catchStop()
	s.signals.listen()
	tightenWatchdog()
	notifySystemd(daemon.SdNotifyReady)
	return err
}

// verifyBinary lets the new binary say whether it can take over with this
// command line, and use the configuration files.
func (s *supervisor) verifyBinary(ctx context.Context, binary string) error {
	ctx, cancel := context.WithTimeout(ctx, takeOverBound)
	defer cancel()
	args := append([]string{"take-over", "--handover", strconv.Itoa(handoverVersion), "--"}, os.Args...)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.WaitDelay = stopBound // for what it started and left
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s cannot take over: %w: %s", errUpgrade, binary, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// rehearse tells whether this binary could take over in the form that opt names,
// with the configuration of opt.
func rehearse(opt Options) error {
	if opt.Rehearsal != handoverVersion {
		return fmt.Errorf("form %d of a handover is not known, only %d", opt.Rehearsal, handoverVersion)
	}
	if cfg, diags := loadConfig(opt, newRecording(), newResolver()); cfg == nil {
		return &ConfigError{Diagnostics: diags}
	}
	return nil
}

func (s *supervisor) awaitsConfirmation() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending != nil
}

// upgraded records the outcome for status.
func (s *supervisor) upgraded(u api.Upgrade) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastUpgrade = u
}

// inherit goes on where the binary before left off.
func (s *supervisor) inherit(h *handover) error {
	for _, c := range []*child{s.router, s.checker} {
		proc, err := h.role(c.name)
		if err != nil {
			return err
		}
		c.heir <- proc
	}
	s.inherited = h
	s.lastUpgrade = api.Upgrade{At: time.Now(), From: h.From, Error: h.Failure}
	return nil
}

// settleUpgrade tells what became of an upgrade, once the roles work for this
// supervisor. A binary that was executed again makes the roles its own.
func (s *supervisor) settleUpgrade(ctx context.Context) {
	switch h := s.inherited; {
	case h == nil:
	case h.Failure == "":
		s.info("upgrade", "took over from "+h.From, nil)
	default:
		s.warn("upgrade", "back after a failed upgrade: "+h.Failure, nil)
		s.upgrading.Lock()
		defer s.upgrading.Unlock()
		for _, c := range []*child{s.checker, s.router} {
			s.ownRole(ctx, c)
		}
	}
}
