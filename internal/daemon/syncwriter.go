package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/vipd/vipd/internal/netns"
	"github.com/vipd/vipd/ipvs"
	ipvskernel "github.com/vipd/vipd/ipvs/kernel"
)

// syncWriter keeps the connection sync daemons of the kernel as the followed
// virtual router wants them. It has a connection of its own: a slow request
// about daemons delays no weight.
type syncWriter struct {
	send    func(level, kind, message string, attrs map[string]any)
	trigger chan struct{}

	mu        sync.Mutex
	cfg       *ipvs.SyncConfig
	namespace string // network namespace of the daemons
	master    bool
	follower  ipvs.SyncFollower
	left      bool
	running   []ipvs.SyncDaemon // ours
	lastErr   string

	kernel sync.Mutex // one pass at a time
	client *ipvskernel.Client
}

// syncCheck is how often the daemons are compared with what they should be.
const syncCheck = 30 * time.Second

func newSyncWriter(send func(level, kind, message string, attrs map[string]any)) *syncWriter {
	return &syncWriter{send: send, trigger: make(chan struct{}, 1)}
}

// configure sets what to follow and in which network namespace; nil ends our
// daemons.
func (w *syncWriter) configure(cfg *ipvs.SyncConfig, namespace string, masters []string) {
	w.mu.Lock()
	w.cfg, w.namespace = cfg, namespace
	w.mu.Unlock()
	w.follow(masters)
}

// follow takes the names of the instances that are master.
func (w *syncWriter) follow(masters []string) {
	w.mu.Lock()
	w.master = w.cfg != nil && slices.Contains(masters, w.cfg.Follow)
	w.mu.Unlock()
	select {
	case w.trigger <- struct{}{}:
	default:
	}
}

// run makes passes when the state changes, when a backup daemon has been kept
// long enough, and again after a failed one.
func (w *syncWriter) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			w.close()
			return
		case <-w.trigger:
		case <-timer.C:
		}
		timer.Reset(w.pass(time.Now()))
	}
}

// pass makes the daemons the wanted ones and returns when to look again.
func (w *syncWriter) pass(now time.Time) time.Duration {
	w.kernel.Lock()
	defer w.kernel.Unlock()
	w.mu.Lock()
	if w.left || w.cfg == nil && len(w.running) == 0 {
		w.mu.Unlock()
		return time.Hour
	}
	var want []ipvs.SyncDaemon
	pause := syncCheck
	if w.cfg != nil {
		var next time.Time
		want, next = w.follower.Want(now, *w.cfg, w.master)
		if !next.IsZero() {
			pause = next.Sub(now)
		}
	}
	managed, namespace := w.cfg != nil, w.namespace
	w.mu.Unlock()
	err := netns.Do(namespace, func() error { return w.program(want, managed) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.running, w.lastErr = want, "" // also those that an earlier life of ours started
		return pause
	}
	if err.Error() != w.lastErr {
		w.lastErr = err.Error()
		w.send("error", "sync", w.lastErr, nil)
	}
	return retryFirst
}

// program stops and starts daemons. One that fails does not keep the others.
// Without a configuration only those that we started are ours to stop.
func (w *syncWriter) program(want []ipvs.SyncDaemon, managed bool) error {
	if w.client == nil {
		client, err := ipvskernel.Open()
		if err != nil {
			return err
		}
		w.client = client
	}
	have, err := w.client.SyncDaemons()
	if err != nil {
		return err
	}
	if !managed {
		have = slices.DeleteFunc(have, func(d ipvs.SyncDaemon) bool {
			return !slices.ContainsFunc(w.running, func(r ipvs.SyncDaemon) bool { return r.State == d.State })
		})
	}
	stop, start := ipvs.DiffSync(have, want, w.running)
	var errs []error
	for _, d := range stop {
		errs = append(errs, w.did("stopped ", d, w.client.StopSync(d.State)))
	}
	for _, d := range start {
		err := w.did("started ", d, w.client.StartSync(d))
		if err == nil {
			w.started(d)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// started remembers what a daemon was asked to be.
func (w *syncWriter) started(d ipvs.SyncDaemon) {
	w.mu.Lock()
	defer w.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(w.running), func(r ipvs.SyncDaemon) bool { return r.State == d.State })
	w.running = append(others, d)
}

func (w *syncWriter) did(what string, d ipvs.SyncDaemon, err error) error {
	if err == nil {
		w.send("info", "sync", "connection sync: "+what+d.String(), map[string]any{"state": d.State.String(), "interface": d.Interface})
	}
	return err
}

// leave ends all passes and stops our daemons, unless they shall stay.
func (w *syncWriter) leave(keep bool) error {
	w.kernel.Lock()
	defer w.kernel.Unlock()
	w.mu.Lock()
	ours, namespace := w.running, w.namespace
	w.left = true
	w.mu.Unlock()
	if keep || len(ours) == 0 {
		return nil
	}
	return netns.Do(namespace, func() error {
		var errs []error
		for _, d := range ours {
			errs = append(errs, w.client.StopSync(d.State))
		}
		return errors.Join(errs...)
	})
}

// still is tableWriter.still for the sync daemons.
func (w *syncWriter) still(do func() error) error {
	w.kernel.Lock()
	defer w.kernel.Unlock()
	err := do()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = w.left || err == nil
	return err
}

// status lists the daemons that we run and the last error.
func (w *syncWriter) status() (running []string, lastErr string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.running {
		running = append(running, d.String())
	}
	return running, w.lastErr
}

func (w *syncWriter) close() {
	w.kernel.Lock()
	defer w.kernel.Unlock()
	if w.client != nil {
		w.client.Close()
	}
}
