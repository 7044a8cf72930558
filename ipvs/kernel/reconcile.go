package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/vipd/vipd/ipvs"
)

// Kernel is what a Reconciler drives: a Client, or ipvstest.Kernel.
type Kernel interface {
	// Table reads the whole table.
	Table() (ipvs.Table, error)
	// Apply carries out one operation.
	Apply(ipvs.Op) error
	// Batch carries out up to BatchSize operations in order. After an error
	// each can be applied once more.
	Batch([]ipvs.Op) error
}

// Reconciler makes the kernel's table the wanted one and remembers which
// services are ours. It is safe for concurrent use.
type Reconciler struct {
	kernel Kernel
	path   string // of the runtime record
	proc   string // where procfs is

	mu      sync.Mutex
	rec     record
	saved   bool  // rec is what the file holds; a missing file holds an empty one
	damaged error // of the record found at start, to be reported once
	// known is the table as it was read and changed by us since. It spares a
	// pass from reading thousands of services to set one weight.
	known ipvs.Table
	fresh bool       // known is usable
	index ipvs.Index // of known, once it was asked for
}

// Report is what one pass did and found.
type Report struct {
	// Done are the operations that were carried out, in order.
	Done []ipvs.Op
	// Drift is what others did to our services since the last pass, as the
	// operations that they must have used. Done repairs it.
	Drift []ipvs.Op
	// Foreign are services of others; they are left alone.
	Foreign []ipvs.ServiceKey
}

// NewReconciler continues with the runtime record at recordPath, if there is
// one of this boot and network namespace. A damaged record is not an error
// here: the first pass reports it and goes on without.
func NewReconciler(k Kernel, recordPath string) (*Reconciler, error) {
	return newReconciler(k, recordPath, "/proc")
}

func newReconciler(k Kernel, recordPath, proc string) (*Reconciler, error) {
	fresh, err := newRecord(proc)
	if err != nil {
		return nil, err
	}
	r := &Reconciler{kernel: k, path: recordPath, proc: proc, saved: true}
	r.rec, err = fresh.load(recordPath)
	if errors.Is(err, errRecord) {
		r.damaged, err = err, nil
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Verify reads the table, asks desired what it should be and applies the
// difference. It returns what was carried out and the joined errors of all
// else. What others did to our services is reported and not shown to desired,
// which sees the table as we left it.
//
// A service that cannot be added is skipped with all its destinations. Any
// other refusal concerns one operation: the rest goes on, as it is better to
// take a dead server out than to wait for its neighbour. When to try again is
// the caller's decision; another pass does what is left to do.
func (r *Reconciler) Verify(desired func(have ipvs.Table) ipvs.Table) (Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.verify(desired)
}

// Update is Verify without reading the table, when it is known from the last
// pass: its cost is that of the changes. It finds no drift.
func (r *Reconciler) Update(desired func(have ipvs.Table) ipvs.Table) ([]ipvs.Op, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.update(desired)
}

// Touch is Update for a part of the table: some returns what a few services
// should be, all others stay as they are, and what is not looked at costs
// nothing. It does so only while the table is known to be as the last pass
// wanted it; otherwise ok is false, and an Update is due.
func (r *Reconciler) Touch(some func(have ipvs.Index) ipvs.Table) (done []ipvs.Op, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.fresh {
		return nil, false, nil
	}
	if r.index == nil {
		r.index = r.known.Index()
	}
	want := some(r.index)
	have := make(ipvs.Table, 0, len(want))
	for _, e := range want {
		if old := r.index.Find(e.Service.Key); old != nil {
			have = append(have, *old)
		}
	}
	if len(have) < len(want) { // a service that no pass claimed
		r.fresh = false
		return nil, false, nil
	}
	done, err = r.apply(ipvs.Diff(have, want, nil))
	for _, e := range have.Apply(done...) {
		*r.index[e.Service.Key] = e
	}
	r.fresh = err == nil
	return done, true, err
}

func (r *Reconciler) update(desired func(have ipvs.Table) ipvs.Table) ([]ipvs.Op, error) {
	if !r.fresh {
		rep, err := r.verify(desired)
		return rep.Done, err
	}
	return r.pass(r.known, desired(r.known))
}

// TakeAll makes every service in the kernel ours: the next pass removes those
// that are not wanted.
func (r *Reconciler) TakeAll() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	have, err := r.kernel.Table()
	if err != nil {
		return err
	}
	owned := r.rec.owned()
	for _, e := range have {
		owned[e.Service.Key] = true
	}
	r.fresh = false
	return r.store(r.rec.withServices(owned))
}

// RemoveOurs removes our services, gives sysctls and timeouts their old values
// back and deletes the record. What fails stays in the record.
func (r *Reconciler) RemoveOurs() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.update(func(ipvs.Table) ipvs.Table { return nil })
	if err := errors.Join(err, r.restoreSettings()); err != nil {
		return err
	}
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove runtime record: %w", err)
	}
	return nil
}

// RemoveBut removes our services except for those that stay. They remain ours:
// the record and the kernel's settings stay with them.
func (r *Reconciler) RemoveBut(stays func(ipvs.ServiceKey) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.update(func(have ipvs.Table) ipvs.Table {
		owned := r.rec.owned()
		return slices.DeleteFunc(have.Clone(), func(e ipvs.Entry) bool { return !owned[e.Service.Key] || !stays(e.Service.Key) })
	})
	return err
}

func (r *Reconciler) verify(desired func(have ipvs.Table) ipvs.Table) (Report, error) {
	damaged := r.damaged
	r.damaged = nil
	have, err := r.kernel.Table()
	if err != nil {
		r.fresh = false
		return Report{}, errors.Join(damaged, err)
	}
	var rep Report
	owned := r.rec.owned()
	base := have
	if r.fresh {
		base = r.known
		rep.Drift = drift(r.known, have, owned)
	}
	want := desired(base)
	rep.Done, err = r.pass(have, want)
	rep.Foreign = others(have, r.rec.owned())
	return rep, errors.Join(damaged, err)
}

// drift returns what others did to our services.
func drift(known, have ipvs.Table, owned map[ipvs.ServiceKey]bool) []ipvs.Op {
	ours := func(t ipvs.Table) ipvs.Table {
		return slices.DeleteFunc(t.Clone(), func(e ipvs.Entry) bool { return !owned[e.Service.Key] })
	}
	return ipvs.Diff(ours(known), ours(have), owned)
}

// others lists the services that are not ours.
func others(have ipvs.Table, owned map[ipvs.ServiceKey]bool) []ipvs.ServiceKey {
	var out []ipvs.ServiceKey
	for _, e := range have {
		if !owned[e.Service.Key] {
			out = append(out, e.Service.Key)
		}
	}
	return out
}

// pass turns have, which it takes over, into want.
func (r *Reconciler) pass(have, want ipvs.Table) ([]ipvs.Op, error) {
	ops := ipvs.Diff(have, want, r.rec.owned())
	// A record that cannot be written is no reason not to serve.
	claimed := r.claim(want)
	done, refused := r.apply(ops)
	disowned := r.disown(have, want, done)
	r.known, r.fresh, r.index = have.Apply(done...), refused == nil, nil
	return done, errors.Join(claimed, refused, disowned)
}

// claim records the wanted services as ours, before any of them is touched.
func (r *Reconciler) claim(want ipvs.Table) error {
	owned := r.rec.owned()
	for _, e := range want {
		owned[e.Service.Key] = true
	}
	return r.store(r.rec.withServices(owned))
}

// apply carries out what it can.
func (r *Reconciler) apply(ops []ipvs.Op) ([]ipvs.Op, error) {
	var done []ipvs.Op
	var errs []error
	missing := map[ipvs.ServiceKey]bool{}
	for batch := range slices.Chunk(ops, BatchSize) {
		if len(batch) > 1 && len(missing) == 0 && r.kernel.Batch(batch) == nil {
			done = append(done, batch...)
			continue
		}
		for _, op := range batch { // one after the other, to find out which
			if missing[op.Service.Key] {
				continue
			}
			if err := r.kernel.Apply(op); err != nil {
				if op.Kind == ipvs.AddService {
					missing[op.Service.Key] = true
				}
				errs = append(errs, err)
				continue
			}
			done = append(done, op)
		}
	}
	return done, errors.Join(errs...)
}

// disown leaves in the record the wanted services and those whose removal is
// still to be done.
func (r *Reconciler) disown(have, want ipvs.Table, done []ipvs.Op) error {
	before, owned := r.rec.owned(), map[ipvs.ServiceKey]bool{}
	for _, e := range have {
		if k := e.Service.Key; before[k] {
			owned[k] = true
		}
	}
	for _, op := range done {
		if op.Kind == ipvs.RemoveService {
			delete(owned, op.Service.Key)
		}
	}
	for _, e := range want {
		owned[e.Service.Key] = true
	}
	return r.store(r.rec.withServices(owned))
}

// store makes rec the record, on disk when it differs from what is there.
func (r *Reconciler) store(rec record) error {
	if r.saved && rec.equal(r.rec) {
		return nil
	}
	r.rec = rec
	err := rec.save(r.path)
	r.saved = err == nil
	return err
}

// Owned returns the services that are ours.
func (r *Reconciler) Owned() map[ipvs.ServiceKey]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rec.owned()
}
