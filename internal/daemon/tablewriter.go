package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vipd/vipd/ipvs"
	ipvskernel "github.com/vipd/vipd/ipvs/kernel"
)

// tableSource says what the table should be and is told what came of it.
type tableSource interface {
	// desired computes the table from the kernel's present one.
	desired(have ipvs.Table) ipvs.Table
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

	mu      sync.Mutex // one pass at a time
	client  *ipvskernel.Client
	rec     *ipvskernel.Reconciler
	left    bool
	lastErr string
}

// Pauses between attempts to program a table that the kernel refuses.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

func newTableWriter(runtimeDir string, source tableSource) *tableWriter {
	return &tableWriter{runtimeDir: runtimeDir, source: source, trigger: make(chan struct{}, 1)}
}

// wake asks for a pass; it never blocks.
func (w *tableWriter) wake() {
	select {
	case w.trigger <- struct{}{}:
	default:
	}
}

// run makes passes when woken, and again after a failed one.
func (w *tableWriter) run(ctx context.Context) {
	defer w.close()
	pause := retryFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.trigger:
		}
		if err := w.pass(); err == nil {
			pause = retryFirst
			w.source.programmed()
			continue
		}
		retry := time.AfterFunc(pause, w.wake)
		defer retry.Stop()
		pause = min(2*pause, retryMost)
	}
}

// pass makes the kernel's table the desired one.
func (w *tableWriter) pass() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left {
		return nil
	}
	ops, err := w.reconcile()
	for _, op := range ops {
		w.source.send("info", "ipvs", op.String(), map[string]any{"op": op.Kind.String(), "service": op.Service.Key.String()})
	}
	switch {
	case err == nil:
		w.lastErr = ""
	case err.Error() != w.lastErr:
		w.lastErr = err.Error()
		w.source.send("error", "ipvs", "program IPVS: "+w.lastErr, nil)
	}
	return err
}

// reconcile opens the kernel's IPVS only when there is something to do, so
// that a director without virtual servers needs no ip_vs.
func (w *tableWriter) reconcile() ([]ipvs.Op, error) {
	if w.rec == nil {
		if len(w.source.desired(nil)) == 0 && !w.recorded() {
			return nil, nil
		}
		client, err := ipvskernel.Open()
		if err != nil {
			return nil, err
		}
		rec, err := ipvskernel.NewReconciler(client, w.recordPath())
		if err != nil {
			client.Close()
			return nil, err
		}
		w.client, w.rec = client, rec
	}
	errSysctl := w.rec.ExpireTemplates(w.source.expireTemplates())
	ops, err := w.rec.Update(w.source.desired)
	return ops, errors.Join(errSysctl, err)
}

func (w *tableWriter) recordPath() string { return filepath.Join(w.runtimeDir, "ipvs.json") }

// recorded reports whether an earlier life left services that may be ours to
// remove.
func (w *tableWriter) recorded() bool {
	_, err := os.Stat(w.recordPath())
	return err == nil
}

// leave ends all passes and removes our services, unless they shall stay.
func (w *tableWriter) leave(keep bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = true
	if w.rec == nil || keep {
		return nil
	}
	return w.rec.RemoveOurs()
}

// snapshot returns the kernel's table and statistics for status.
func (w *tableWriter) snapshot() (ipvs.Table, []ipvs.ServiceStats, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client == nil {
		return nil, nil, w.lastErr
	}
	table, err := w.client.Table()
	if err != nil {
		return nil, nil, err.Error()
	}
	stats, err := w.client.Stats()
	if err != nil {
		return table, nil, err.Error()
	}
	return table, stats, w.lastErr
}

func (w *tableWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client != nil {
		w.client.Close()
	}
}
