package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/kernel"
	"github.com/vipd/vipd/vrrp/runner"
)

const (
	// willBound is longer than the longest hand-over takes.
	willBound = 12 * time.Second
	// willStart bounds the wait for the interfaces' state.
	willStart = 500 * time.Millisecond
	// reviveTime is what a role needs from its start to its first advert on a
	// busy machine.
	reviveTime = 150 * time.Millisecond
	// forever is longer than any master-down interval.
	forever = time.Hour
)

// ErrAlive is wrapped by Release when a process of the daemon lives: it speaks
// for itself.
var ErrAlive = errors.New("vipd is running")

// Release carries out the last will of a daemon that was killed: priority 0 for
// every router that was master until a moment ago, then its addresses are
// removed once a successor is heard or the bound ends, so that the backup takes
// over after its skew instead of its master-down interval. It does nothing
// after a clean stop, and nothing for a router whose peers have given up on it
// already. A router role that outlived its supervisor hands over by itself: it is
// left the time for that. A stop that left anything behind is finished. What the daemon had configured as its network namespace
// is entered, by executing this command there.
func Release(ctx context.Context, opt Options) error {
	if readHolder(opt.RuntimeDir) == "" {
		return nil // it stopped cleanly, or never ran
	}
	known, err := loadKnownRouters(opt.RuntimeDir)
	if err == nil {
		err = enterNamespace(known.Place)
	}
	if err != nil {
		return err
	}
	f, err := tryLock(filepath.Join(opt.RuntimeDir, instanceLock))
	switch {
	case errors.Is(err, errLocked):
		return ErrAlive
	case err != nil:
		return err
	}
	defer f.Close()
	return releaseAfterRoles(ctx, opt, f)
}

// ReleaseOthers is Release for daemons of other names, that is of other network
// namespaces or instances, which died as well: their runtime directories are called
// after this one. Each has a process of its own.
func ReleaseOthers(ctx context.Context, opt Options) error {
	dirs, err := filepath.Glob(opt.RuntimeDir + "-*")
	if err != nil {
		return fmt.Errorf("find runtime directories: %w", err)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, dir := range dirs {
		if !dead(dir) {
			continue
		}
		all.Go(func() {
			cmd := exec.CommandContext(ctx, ownBinary, "release", "--runtime-dir", dir)
			cmd.Stdout, cmd.Stderr = opt.Log, opt.Log
			if failed := cmd.Run(); failed != nil {
				mu.Lock()
				defer mu.Unlock()
				err = errors.Join(err, fmt.Errorf("release for %s: %w", dir, failed))
			}
		})
	}
	all.Wait()
	return err
}

// dead reports whether the daemon of a runtime directory neither runs nor stopped.
func dead(runtimeDir string) bool {
	if readHolder(runtimeDir) == "" {
		return false
	}
	unlock, err := lockFile(runtimeDir, instanceLock)
	if err == nil {
		unlock()
	}
	return err == nil
}

// releaseAfterRoles is releaseLocked once no router role lives any more: those
// notice the end of their supervisor themselves, hand over and go.
func releaseAfterRoles(ctx context.Context, opt Options, f *os.File) (err error) {
	for deadline := time.Now().Add(willBound); time.Now().Before(deadline); time.Sleep(lockRetry) {
		if err = releaseLocked(ctx, opt, f); !errors.Is(err, ErrAlive) {
			break
		}
	}
	return err
}

// releaseLocked is Release for the holder of the instance lock.
func releaseLocked(ctx context.Context, opt Options, f *os.File) error {
	if readHolder(opt.RuntimeDir) == "" {
		return nil // it stopped cleanly
	}
	if err := writePID(f, willMark); err != nil {
		return err
	}
	if err := Bequeath(ctx, opt, forever); err != nil {
		return err
	}
	if isUnfinished(opt.RuntimeDir) {
		if err := Finish(ctx, opt, willBound); err != nil {
			return err
		}
	}
	return f.Truncate(0) // the will is done: nobody else is to repeat it
}

// Bequeath is Release for the supervisor of a router role that is dead and will
// not be restarted within restartIn.
func Bequeath(ctx context.Context, opt Options, restartIn time.Duration) error {
	unlock, err := lockFile(opt.RuntimeDir, routerLock)
	if errors.Is(err, errLocked) {
		return ErrAlive // it hands over itself
	}
	if err != nil {
		return err
	}
	defer unlock()
	t, err := loadKnownRouters(opt.RuntimeDir)
	if err == nil {
		err = t.here()
	}
	if err != nil {
		return err
	}
	record, err := kernel.OpenRecord(opt.RuntimeDir)
	if err != nil {
		return fmt.Errorf("open runtime record: %w", err)
	}
	defer record.Close()
	orphans := record.Orphans(t.Routers, t.heard(), kernel.Now(), restartIn)
	if len(orphans) == 0 {
		return nil
	}
	return speakFor(ctx, opt, orphans, t, record)
}

// speakFor makes the routers master for a moment, by the same proof as a
// restarted role but without an advert, and then leaves as a stopped one does.
func speakFor(ctx context.Context, opt Options, orphans []vrrp.Config, t knownRouters, record *kernel.Record) error {
	log := newLogger(opt.Log, "info", "text")
	var run *runner.Runner
	k, err := kernel.Open(kernel.Options{
		RuntimeDir: opt.RuntimeDir,
		Feed:       func(e vrrp.Event) { run.Do(e) },
		Observe:    logObserver{log}.Address,
	})
	if err != nil {
		return fmt.Errorf("open kernel interfaces: %w", err)
	}
	defer k.Close()
	run = runner.New(runner.Options{
		Wire: k.Wire(), Links: k.Links(), Announcer: k.Announcer(), Watch: k.Watch, Overhear: k.Overhear,
		Claim:    func([]vrrp.Config) { k.Claim(t.Routers) },
		Observer: logObserver{log}, Now: kernel.Now, Wall: time.Now, Record: record,
	})
	ev := &vrrp.Configure{Resume: make(map[vrrp.RouterID]bool), PeerHeard: t.heard(), Counted: record.Sequences(), Parting: true}
	for _, c := range orphans {
		c.Tracks = nil // nobody measures them any more
		ev.Routers = append(ev.Routers, c)
		ev.Resume[c.ID] = true
	}
	run.Do(ev)
	ctx, leave := context.WithCancel(ctx)
	go func() {
		defer leave()
		awaitMasters(ctx, run)
	}()
	return run.Run(ctx)
}

// awaitMasters returns when every router has begun, or cannot.
func awaitMasters(ctx context.Context, run *runner.Runner) {
	ctx, cancel := context.WithTimeout(ctx, willStart)
	defer cancel()
	for pending := true; pending && ctx.Err() == nil; {
		st, err := run.Status(ctx)
		pending = err == nil && len(st.Routers) == 0
		for _, r := range st.Routers {
			pending = pending || r.State == vrrp.StateInitialize
		}
		if pending {
			time.Sleep(time.Millisecond)
		}
	}
}

// logObserver logs what a last will does.
type logObserver struct{ log *slog.Logger }

// Transition implements runner.Observer.
func (o logObserver) Transition(t vrrp.Transition) {
	o.log.Info("last will", "instance", t.Name, "from", t.From.String(), "to", t.To.String(), "reason", string(t.Reason), "detail", t.Detail)
}

// Drop implements runner.Observer.
func (o logObserver) Drop(vrrp.Drop) {}

// Report implements runner.Observer.
func (o logObserver) Report(r vrrp.Report) {
	o.log.Info("last will", "instance", r.Name, "report", string(r.Kind), "detail", r.Detail)
}

// Address implements runner.Observer.
func (o logObserver) Address(e runner.AddressEvent) {
	o.log.Info("last will", "address", e.Address.String(), "event", string(e.Kind), "detail", e.Detail)
}

// bequeathBeforePause says good-bye for a router role in a crash loop when it
// will not be back in time. A process of its own does so: what ended the role
// may end it as well.
func (s *supervisor) bequeathBeforePause(pause time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), willBound)
	defer cancel()
	cmd := exec.CommandContext(ctx, ownBinary, "release", "--runtime-dir", s.opt.RuntimeDir, "--restart-in", (pause + reviveTime).String())
	cmd.Stdout, cmd.Stderr = s.opt.Log, s.opt.Log
	if err := cmd.Run(); err != nil {
		s.warn("role", "release for the router role: "+err.Error(), nil)
	}
}
