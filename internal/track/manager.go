package track

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// Status is what is known of one tracked thing.
type Status struct {
	ID     vrrp.TrackID    `json:"id"`
	State  vrrp.TrackState `json:"state"`
	Since  time.Time       `json:"since,omitzero"`
	Value  int             `json:"value,omitempty"` // of a file
	Detail string          `json:"detail,omitempty"`
	// Output is the end of what a script wrote last.
	Output   string        `json:"output,omitempty"`
	At       time.Time     `json:"at,omitzero"` // of the last result
	Took     time.Duration `json:"took_ns,omitempty"`
	Runs     uint64        `json:"runs"`
	Failures uint64        `json:"failures"`
}

// result is one look at a tracked thing.
type result struct {
	good   bool
	value  int
	detail string
	output string
	took   time.Duration
}

// observer looks at one thing until ctx ends and tells every result. Its
// settings decide whether it survives a reload.
type observer interface {
	id() vrrp.TrackID
	// unnamed is what is observed and how, its name aside.
	unnamed() any
	judge() judge
	run(ctx context.Context, tell func(result))
}

// Manager runs the observers of a configuration.
type Manager struct {
	report func(vrrp.Observed)

	mu      sync.Mutex
	workers map[vrrp.TrackID]*worker
	told    map[vrrp.TrackID]Status // things that others observe
	// recalled are verdicts of an earlier life, for the next Apply.
	recalled map[vrrp.TrackID]vrrp.Observed
	closed   bool
	buffer   conf.Buffer // for what the kernel tells of processes
	work     sync.WaitGroup
}

// worker is one observer at work.
type worker struct {
	observer observer
	cancel   context.CancelFunc
	looked   chan struct{} // closed by the first result
	first    sync.Once

	mu     sync.Mutex
	judge  judge
	status Status
}

// New returns a Manager that observes nothing yet. report is called on every
// change, never twice at once for the same thing; it must not block.
func New(report func(vrrp.Observed)) *Manager {
	return &Manager{report: report, workers: make(map[vrrp.TrackID]*worker), told: make(map[vrrp.TrackID]Status)}
}

// SetBuffer sizes the socket by which the kernel tells of processes, with the
// next Apply.
func (m *Manager) SetBuffer(size conf.Buffer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.buffer = size
}

// Recall gives the next Apply the verdicts of an earlier life of the daemon: what
// was well a moment ago is not unknown now, and one bad look is not yet its end.
func (m *Manager) Recall(verdicts []vrrp.Observed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recalled = make(map[vrrp.TrackID]vrrp.Observed, len(verdicts))
	for _, o := range verdicts {
		m.recalled[o.ID] = o
	}
}

// remembered is a worker that has ended with a verdict, nil without one.
func (m *Manager) remembered(id vrrp.TrackID) *worker {
	o, known := m.recalled[id]
	if !known {
		return nil
	}
	return &worker{status: statusOf(o)}
}

// Apply observes what the configuration tracks. Observers whose settings stay
// go on; the others begin with the last state of the same thing, if any, which
// may have had another name.
func (m *Manager) Apply(c conf.Tracking) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	wanted := make(map[vrrp.TrackID]observer)
	for _, o := range observers(c, m.buffer) {
		wanted[o.id()] = o
	}
	var left []*worker
	for id, w := range m.workers {
		if !reflect.DeepEqual(w.observer, wanted[id]) {
			w.cancel()
			if wanted[id] == nil {
				delete(m.workers, id)
				left = append(left, w)
			}
			continue
		}
		delete(wanted, id)
	}
	for id, o := range wanted {
		before := m.workers[id]
		if before == nil {
			before = renamed(left, o)
		}
		if before == nil {
			before = m.remembered(id)
		}
		m.workers[id] = m.start(o, before)
	}
	for id, o := range m.recalled {
		if id.Kind == vrrp.TrackService {
			m.told[id] = statusOf(o)
		}
	}
	m.recalled = nil
	for id := range m.told {
		if !slices.Contains(c.Services, id.Name) {
			delete(m.told, id)
		}
	}
}

// renamed returns the one of the workers that observes what o does, under
// another name.
func renamed(left []*worker, o observer) *worker {
	for _, w := range left {
		if reflect.DeepEqual(w.observer.unnamed(), o.unnamed()) {
			return w
		}
	}
	return nil
}

// Rename gives virtual servers that are tracked new names, by the old ones.
func (m *Manager) Rename(services map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	told := make(map[vrrp.TrackID]Status, len(m.told))
	for id, s := range m.told {
		if name, renamed := services[id.Name]; renamed {
			s.ID.Name = name
		}
		told[s.ID] = s
	}
	m.told = told
}

// observers makes an observer of everything that is tracked.
func observers(c conf.Tracking, buffer conf.Buffer) []observer {
	var all []observer
	for i := range c.Scripts {
		all = append(all, &scriptObserver{c.Scripts[i]})
	}
	for i := range c.Pings {
		all = append(all, &pingObserver{c.Pings[i]})
	}
	for i := range c.Files {
		all = append(all, &fileObserver{c.Files[i]})
	}
	for i := range c.Processes {
		all = append(all, &processObserver{c.Processes[i], buffer})
	}
	return all
}

// start lets an observer work, with the state that before knew. Call with the
// mutex held.
func (m *Manager) start(o observer, before *worker) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{observer: o, cancel: cancel, looked: make(chan struct{}), judge: o.judge(), status: Status{ID: o.id()}}
	if w.judge.state != vrrp.TrackUnknown && before == nil {
		w.status.State, w.status.Since, w.status.Detail = w.judge.state, time.Now(), "no result yet"
		m.report(w.status.observed())
	}
	if before != nil {
		before.mu.Lock()
		w.status = before.status
		before.mu.Unlock()
		w.status.ID = o.id()
		w.judge.state = w.status.State
	}
	m.work.Go(func() {
		o.run(ctx, func(r result) {
			if ctx.Err() == nil {
				w.hear(r, m.report)
			}
		})
	})
	return w
}

// hear takes one result.
func (w *worker) hear(r result, report func(vrrp.Observed)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	s := &w.status
	s.Runs++
	if !r.good {
		s.Failures++
	}
	s.At, s.Took, s.Output = now, r.took, r.output
	changed := w.judge.hear(now, r.good)
	if changed {
		s.State, s.Since = w.judge.state, now
	}
	moved := s.Value != r.value
	s.Value, s.Detail = r.value, r.detail
	if changed || moved {
		report(s.observed())
	}
	w.first.Do(func() { close(w.looked) })
}

func (s *Status) observed() vrrp.Observed {
	return vrrp.Observed{ID: s.ID, State: s.State, Value: s.Value, Detail: s.Detail}
}

// Tell takes the state of a thing that somebody else observes.
func (m *Manager) Tell(o vrrp.Observed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, known := m.told[o.ID]
	if m.closed || known && before.State == o.State {
		return
	}
	m.told[o.ID] = statusOf(o)
	m.report(o)
}

// statusOf is what is known of a thing of which somebody else says something
// now.
func statusOf(o vrrp.Observed) Status {
	now := time.Now()
	return Status{ID: o.ID, State: o.State, Value: o.Value, Detail: o.Detail, Since: now, At: now}
}

// Status returns what is known of everything, in order of kind and name.
func (m *Manager) Status() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Status
	for _, w := range m.workers {
		w.mu.Lock()
		all = append(all, w.status)
		w.mu.Unlock()
	}
	for _, s := range m.told {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return all
}

// Verdicts returns every state that is known, for a router that begins.
func (m *Manager) Verdicts() []vrrp.Observed {
	var all []vrrp.Observed
	for _, s := range m.Status() {
		if s.State != vrrp.TrackUnknown {
			all = append(all, s.observed())
		}
	}
	return all
}

// AwaitFirst returns when everything has been looked at once, or with ctx.
func (m *Manager) AwaitFirst(ctx context.Context) {
	m.mu.Lock()
	workers := slices.Collect(maps.Values(m.workers))
	m.mu.Unlock()
	for _, w := range workers {
		select {
		case <-w.looked:
		case <-ctx.Done():
			return
		}
	}
}

// Close ends all observers and waits for them.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	for _, w := range m.workers {
		w.cancel()
	}
	m.mu.Unlock()
	m.work.Wait()
}

// every calls do now and then once per interval, never twice at once, until
// ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}
