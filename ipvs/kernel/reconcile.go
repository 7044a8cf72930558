package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/vipd/vipd/ipvs"
)

// Kernel is what a Reconciler drives: a Client, or ipvstest.Kernel.
type Kernel interface {
	// Table reads the whole table.
	Table() (ipvs.Table, error)
	// Apply carries out one operation.
	Apply(ipvs.Op) error
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
}

// NewReconciler continues with the runtime record at recordPath, if there is
// one of this boot and network namespace. A damaged record is not an error
// here: the first Reconcile reports it and goes on without.
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

// Reconcile makes the kernel hold want. See Update.
func (r *Reconciler) Reconcile(want ipvs.Table) ([]ipvs.Op, error) {
	return r.Update(func(ipvs.Table) ipvs.Table { return want })
}

// Update reads the table, asks desired what it should be and applies the
// difference. It returns the operations that were carried out, in order, and
// the joined errors of all others.
//
// A service that cannot be added is skipped with all its destinations. Any
// other refusal concerns one operation: the rest goes on, as it is better to
// take a dead server out than to wait for its neighbour. When to try again is
// the caller's decision; another Update does what is left to do.
func (r *Reconciler) Update(desired func(have ipvs.Table) ipvs.Table) ([]ipvs.Op, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.update(desired)
}

// Have reads the kernel's table.
func (r *Reconciler) Have() (ipvs.Table, error) { return r.kernel.Table() }

// RemoveOurs removes our services, gives the sysctl its old value back and
// deletes the record. What fails stays in the record.
func (r *Reconciler) RemoveOurs() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.update(func(ipvs.Table) ipvs.Table { return nil })
	if err := errors.Join(err, r.restoreSysctl()); err != nil {
		return err
	}
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove runtime record: %w", err)
	}
	return nil
}

func (r *Reconciler) update(desired func(have ipvs.Table) ipvs.Table) ([]ipvs.Op, error) {
	damaged := r.damaged
	r.damaged = nil
	have, err := r.kernel.Table()
	if err != nil {
		return nil, errors.Join(damaged, err)
	}
	want := desired(have)
	ops := ipvs.Diff(have, want, r.rec.owned())
	// A record that cannot be written is no reason not to serve.
	claimed := r.claim(want)
	done, refused := r.apply(ops)
	return done, errors.Join(damaged, claimed, refused, r.disown(have, want, done))
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
	for _, op := range ops {
		if missing[op.Service.Key] {
			continue
		}
		if err := r.kernel.Apply(op); err != nil {
			missing[op.Service.Key] = op.Kind == ipvs.AddService
			errs = append(errs, err)
			continue
		}
		done = append(done, op)
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
