package daemon

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
)

// reloadable is a supervisor without roles that has loaded a file.
type reloadable struct {
	*supervisor
	t    *testing.T
	file string
}

func newReloadable(t *testing.T) *reloadable {
	t.Helper()
	dir := t.TempDir()
	r := &reloadable{t: t, file: filepath.Join(dir, "vipd.hcl")}
	r.write("info")
	opt := Options{Files: []string{r.file}, RuntimeDir: dir, StateDir: dir, Log: io.Discard}
	names, files := newResolver(), newRecording()
	names.ask = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
	}
	cfg, diags := loadConfig(opt, files, names)
	if cfg == nil {
		t.Fatal(diags)
	}
	r.supervisor = newSupervisor(opt, cfg, diags)
	r.names = names
	r.keepRecording(cfg, files)
	r.notify.apply(cfg)
	r.tracks.apply(cfg)
	t.Cleanup(func() {
		if r.pending != nil {
			r.pending.timer.Stop()
		}
		r.tracks.manager.Close()
	})
	return r
}

// write writes a configuration that differs from others in its log level.
func (r *reloadable) write(level string) {
	r.t.Helper()
	text := "version = 1\nglobal {\n  log {\n    level = \"" + level + "\"\n  }\n}\n"
	if err := os.WriteFile(r.file, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// load reloads a configuration of that level.
func (r *reloadable) load(level string, confirm time.Duration) {
	r.t.Helper()
	r.write(level)
	if res := r.reloadConfig(r.t.Context(), reloadRequest{confirm: confirm}); !res.OK || res.ConfirmBy.IsZero() != (confirm == 0) {
		r.t.Fatalf("reload: %+v", res)
	}
}

func (r *reloadable) wants(level string) {
	r.t.Helper()
	cfg := r.config()
	if cfg.Global.LogLevel != level {
		r.t.Errorf("in force is level %q, want %q", cfg.Global.LogLevel, level)
	}
	if r.recordingOf(cfg) == nil {
		r.t.Error("nobody knows of what files it was made")
	}
}

// TestRollBackPassesOverWhatNobodyConfirmed: it goes to the last configuration
// that somebody was content with, also when the clock of the first reload runs
// down while the second one is under way.
func TestRollBackPassesOverWhatNobodyConfirmed(t *testing.T) {
	for name, ring := range map[string]bool{"the first clock runs": false, "the first clock has run down": true} {
		t.Run(name, func(t *testing.T) {
			r := newReloadable(t)
			r.load("debug", time.Hour)
			if ring {
				r.pending.timer.Stop() // as if it had rung and waited for the reload
			}
			r.load("warn", time.Hour)
			r.wants("warn")
			r.rollBack(r.pending)
			r.wants("info")
		})
	}
}

// TestConfirmationInTheLastMoment: whoever comes before the way back has begun
// is told that the reload stays, and it does.
func TestConfirmationInTheLastMoment(t *testing.T) {
	r := newReloadable(t)
	r.load("debug", time.Hour)
	p := r.pending
	p.timer.Stop() // as if it had rung and waited for another reload
	if !r.confirm() {
		t.Error("told that nothing waits for a confirmation")
	}
	r.rollBack(p)
	r.wants("debug")
}

// TestConfirmationBeforeTheReload: who does not wait for the end of a reload may
// confirm it before; a reload that asks for nothing, or was refused, is nothing to
// confirm.
func TestConfirmationBeforeTheReload(t *testing.T) {
	r := newReloadable(t)
	r.write("broken {")
	for _, confirm := range []time.Duration{0, time.Hour} {
		if r.reloadConfig(t.Context(), reloadRequest{confirm: confirm}); r.confirm() {
			t.Errorf("a refused reload (%s) can be confirmed", confirm)
		}
	}
	r.load("warn", 0)
	if r.confirm() {
		t.Error("a reload that needs no confirmation can be confirmed")
	}
	r.write("debug")
	r.notify.mu.Lock() // as if applying it took long
	r.reloadConfig(t.Context(), reloadRequest{confirm: time.Hour, goOn: true})
	if !r.confirm() {
		t.Error("told that nothing waits for a confirmation")
	}
	r.notify.mu.Unlock()
	r.reloading.Lock() // until it is over
	r.reloading.Unlock()
	r.wants("debug")
	if r.pending != nil || r.confirm() {
		t.Errorf("waits for %+v after the confirmation", r.pending)
	}
	r.load("error", time.Hour)
	if r.pending == nil {
		t.Error("the next reload is confirmed, too")
	}
}

// TestNewAddressesConfirmNothing: a reload for new addresses of host names is of
// what is in force, whatever the files hold by now, and does not end the wait for
// a confirmation.
func TestNewAddressesConfirmNothing(t *testing.T) {
	r := newReloadable(t)
	r.load("debug", time.Hour)
	p := r.pending
	r.write("error")
	res := r.reloadConfig(t.Context(), reloadRequest{replay: true})
	if !res.OK || r.pending != p || !res.ConfirmBy.Equal(p.by) {
		t.Errorf("waits for %+v after a reload that says %+v", r.pending, res)
	}
	r.wants("debug")
	r.rollBack(p)
	r.wants("info")
	if res := r.reloadConfig(t.Context(), reloadRequest{replay: true}); !res.OK || !res.ConfirmBy.IsZero() {
		t.Errorf("after the way back: %+v", res)
	}
	r.wants("info")
}

// TestReloadsAndOrdersTogether: a configuration that is told to the router role
// and an order of an operator, at the same time, wait for each other's mutexes
// in the same order.
func TestReloadsAndOrdersTogether(t *testing.T) {
	r := newReloadable(t)
	r.cfg = named([]string{"a"}, nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var orders sync.WaitGroup
		orders.Go(func() {
			for range 50 {
				if err := r.putOnStandby(t.Context(), api.StandbyRequest{All: true}); err != nil {
					t.Error(err)
				}
			}
		})
		gone := closedPeer()
		for range 50 {
			_ = r.configureRouter(gone, firstLife) // there is no role
		}
		orders.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("they wait for each other for ever")
	}
}

// closedPeer is the link to a role that is gone.
func closedPeer() *link.Peer {
	conn, _ := net.Pipe()
	p := link.New(conn, nil)
	p.Close()
	return p
}
