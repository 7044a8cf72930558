package daemon

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/netns"
	"github.com/vipd/vipd/ipvs"
	ipvskernel "github.com/vipd/vipd/ipvs/kernel"
)

// tableSource says what the table should be and is told what came of it.
type tableSource interface {
	// desired computes the table from the kernel's present one.
	desired(have ipvs.Table) ipvs.Table
	// touched computes those of its services that may have changed since the
	// last time without a change of the configuration.
	touched(have ipvs.Index) ipvs.Table
	// next is when desired changes by time alone; zero = never.
	next() time.Time
	// idle reports whether there is nothing to serve.
	idle() bool
	// expireTemplates: persistence templates must not outlive weight 0.
	expireTemplates() bool
	// programmed is called after a pass without errors.
	programmed()
	// send reports an event.
	send(level, kind, message string, attrs map[string]any)
}

// tableWriter keeps the kernel's IPVS table as desired. Wakes that come while
// it works become one more pass.
type tableWriter struct {
	runtimeDir string
	source     tableSource
	trigger    chan struct{}
	whole      atomic.Bool // the next pass concerns all services

	mu      sync.Mutex // one pass at a time
	client  *ipvskernel.Client
	rec     *ipvskernel.Reconciler
	cfg     conf.IPVS
	ready   bool       // configured: before, an empty table is not what is wanted
	flush   bool       // the next pass removes the services of others
	applied *conf.IPVS // settings that the kernel has
	left    bool
	lastErr string
	found   api.IPVS
}

// Pauses between attempts to program a table that the kernel refuses.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

func newTableWriter(runtimeDir string, source tableSource) *tableWriter {
	return &tableWriter{runtimeDir: runtimeDir, source: source, trigger: make(chan struct{}, 1)}
}

// configure sets what concerns IPVS as a whole and asks for a pass. At the
// start of the daemon it is the first configuration of all.
func (w *tableWriter) configure(cfg conf.IPVS, start bool) {
	w.mu.Lock()
	w.flush = w.flush || start && cfg.FlushOnStart && !w.ready
	w.cfg, w.ready = cfg, true
	w.mu.Unlock()
	w.wake()
}

// wake asks for a pass over all services; it never blocks.
func (w *tableWriter) wake() {
	w.whole.Store(true)
	w.touch()
}

// touch asks for a pass over the services that may have changed; it never
// blocks.
func (w *tableWriter) touch() {
	select {
	case w.trigger <- struct{}{}:
	default:
	}
}

// run makes passes when woken, when time changes the pools, and again after a
// failed one. Every verify interval a pass reads the table anew, but a large
// table not so often that this took more than a small part of the time. After a
// pass that took long it rests, so that news that come one by one, as at the
// start of thousands of checks, do not make a pass each.
func (w *tableWriter) run(ctx context.Context) {
	defer w.close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	pause, verified, took := retryFirst, time.Now(), time.Duration(0)
	for {
		due := w.due(verified, took)
		select {
		case <-ctx.Done():
			return
		case <-w.trigger:
		case <-timer.C:
		}
		now := time.Now()
		verify := !due.IsZero() && !now.Before(due)
		if verify {
			verified = now
		}
		_, err := w.pass(verify)
		if verify {
			took = time.Since(now)
		}
		if err != nil {
			w.whole.Store(true)
			timer.Reset(pause)
			pause = min(2*pause, retryMost)
			continue
		}
		pause = retryFirst
		w.source.programmed()
		if !breathe(ctx, time.Since(now)) {
			return
		}
		timer.Reset(w.sleep(now, w.due(verified, took)))
	}
}

// How long nothing is done after a pass, as a multiple of what it took, and at
// most.
const (
	restShare = 3
	restMost  = time.Second
)

// breathe waits after a pass and returns false when ctx is done meanwhile.
func breathe(ctx context.Context, took time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(min(restShare*took, restMost)):
		return true
	}
}

// A verification waits so many times as long as the last one took, but no more
// than so many intervals.
const (
	verifyShare = 100
	verifyMost  = 10
)

// due is when the table is to be verified next, after a verification that took
// some time; zero = never.
func (w *tableWriter) due(verified time.Time, took time.Duration) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cfg.VerifyInterval <= 0 {
		return time.Time{}
	}
	return verified.Add(min(max(w.cfg.VerifyInterval, verifyShare*took), verifyMost*w.cfg.VerifyInterval))
}

// sleep is how long nothing happens by itself.
func (w *tableWriter) sleep(now, due time.Time) time.Duration {
	d := time.Hour
	for _, t := range []time.Time{due, w.source.next()} {
		if !t.IsZero() {
			d = min(d, max(t.Sub(now), 0))
		}
	}
	return d
}

// pass makes the kernel's table the desired one.
func (w *tableWriter) pass(verify bool) (ipvskernel.Report, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left || !w.ready {
		return ipvskernel.Report{}, nil
	}
	var rep ipvskernel.Report
	err := w.there(func() (err error) {
		rep, err = w.reconcile(verify)
		return err
	})
	w.report(rep)
	if len(rep.Done) > mostOps {
		debug.FreeOSMemory() // a start of thousands of services leaves a lot behind
	}
	switch {
	case err == nil:
		w.lastErr = ""
	case err.Error() != w.lastErr:
		w.lastErr = err.Error()
		w.source.send("error", "ipvs", "program IPVS: "+shorten(w.lastErr), nil)
	}
	return rep, err
}

// there does something in the network namespace of the table.
func (w *tableWriter) there(f func() error) error { return netns.Do(w.cfg.Namespace, f) }

// countConnections is asked in the course of a pass, with the mutex held.
func (w *tableWriter) countConnections(k ipvs.ServiceKey) (map[netip.AddrPort]uint32, error) {
	return w.client.Connections(k)
}

// reconcile opens the kernel's IPVS only when there is something to do, so
// that a director without virtual servers needs no ip_vs.
func (w *tableWriter) reconcile(verify bool) (ipvskernel.Report, error) {
	if w.rec == nil {
		if w.source.idle() && !w.recorded() && !w.flush {
			return ipvskernel.Report{}, nil
		}
		if err := w.open(); err != nil {
			return ipvskernel.Report{}, err
		}
	}
	if w.flush {
		if err := w.rec.TakeAll(); err != nil {
			return ipvskernel.Report{}, err
		}
		w.flush = false
	}
	errSettings := w.settings(verify)
	if verify {
		w.whole.Store(false) // all is looked at anyway
		rep, err := w.rec.Verify(w.source.desired)
		if err == nil {
			w.found.Verified, w.found.Foreign = time.Now(), rep.Foreign
		}
		return rep, errors.Join(errSettings, err)
	}
	done, err := w.update()
	return ipvskernel.Report{Done: done}, errors.Join(errSettings, err)
}

// update programs what may have changed.
func (w *tableWriter) update() ([]ipvs.Op, error) {
	if !w.whole.Swap(false) {
		if done, ok, err := w.rec.Touch(w.source.touched); ok {
			return done, err
		}
	}
	return w.rec.Update(w.source.desired)
}

func (w *tableWriter) open() error {
	client, err := ipvskernel.Open()
	if err != nil {
		return err
	}
	rec, err := ipvskernel.NewReconciler(client, w.recordPath())
	if err != nil {
		client.Close()
		return err
	}
	w.client, w.rec = client, rec
	return nil
}

// settings brings sysctls and timeouts into the kernel: after a change of the
// configuration, and again at every verification.
func (w *tableWriter) settings(verify bool) error {
	cfg := w.cfg
	if cfg.ExpireTemplates == nil && w.source.expireTemplates() {
		yes := true
		cfg.ExpireTemplates = &yes
	}
	if w.applied != nil && equalSettings(*w.applied, cfg) && !verify {
		return nil
	}
	err := errors.Join(w.rec.SetSysctls(sysctls(cfg)), w.rec.SetTimeouts(w.client, cfg.Timeouts))
	if err == nil {
		w.applied = &cfg
	}
	return err
}

// tableRecord, in the runtime directory, says which services are ours.
const tableRecord = "ipvs.json"

func (w *tableWriter) recordPath() string { return filepath.Join(w.runtimeDir, tableRecord) }

// recorded reports whether an earlier life left services that may be ours to
// remove.
func (w *tableWriter) recorded() bool {
	_, err := os.Stat(w.recordPath())
	return err == nil
}

// leave ends all passes and removes our services, but those that shall stay.
func (w *tableWriter) leave(how checkerStop) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = true
	if how.keepsAll() {
		return nil
	}
	return w.there(func() error { return w.remove(how) })
}

// remove removes what does not stay.
func (w *tableWriter) remove(how checkerStop) error {
	if w.cfg.FlushOnStop && !how.KeepTable {
		if err := w.takeAll(); err != nil {
			return err
		}
	}
	if w.rec == nil {
		return nil
	}
	return how.remove(w.rec)
}

// takeAll makes the services of others ours to remove. A kernel without IPVS
// has none.
func (w *tableWriter) takeAll() error {
	if w.rec == nil {
		if err := w.open(); errors.Is(err, ipvskernel.ErrNoIPVS) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return w.rec.TakeAll()
}

// still lets another process go on with the table: nothing is written while do
// runs, nor ever after if it returns nil.
func (w *tableWriter) still(do func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := do()
	w.left = w.left || err == nil
	return err
}

func (w *tableWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client != nil {
		w.client.Close()
	}
}
