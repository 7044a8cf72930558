// Package ipvstest is a model of the kernel's IPVS table for tests. It refuses
// what the kernel refuses and lists as the kernel lists.
package ipvstest

import (
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/vipd/vipd/ipvs"
)

// Kernel is a simulated IPVS table. The zero value is empty and ready.
type Kernel struct {
	mu    sync.Mutex
	table ipvs.Table
	ops   []ipvs.Op

	// Refuse, when set, may fail an operation before it takes effect.
	Refuse func(ipvs.Op) error
	// Unreadable, when set, is what reading the table returns.
	Unreadable error
}

// New returns a kernel that already holds t.
func New(t ipvs.Table) *Kernel { return &Kernel{table: t.Clone()} }

// Table returns the table in the kernel's manner: services in an order of its
// own, destinations last added first.
func (k *Kernel) Table() (ipvs.Table, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Unreadable != nil {
		return nil, k.Unreadable
	}
	t := k.table.Clone()
	slices.Reverse(t)
	for _, e := range t {
		slices.Reverse(e.Destinations)
	}
	return t, nil
}

// Ops returns what was applied with success.
func (k *Kernel) Ops() []ipvs.Op {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.ops)
}

// Apply carries out one operation. Adding what exists is fs.ErrExist, touching
// what does not is fs.ErrNotExist, as net/netfilter/ipvs/ip_vs_ctl.c does with
// EEXIST, ENOENT and ESRCH.
func (k *Kernel) Apply(o ipvs.Op) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Refuse != nil {
		if err := k.Refuse(o); err != nil {
			return err
		}
	}
	if err := k.apply(o); err != nil {
		return fmt.Errorf("%s: %w", o, err)
	}
	k.ops = append(k.ops, o)
	return nil
}

// Batch carries out all operations, or none when one of them would fail.
func (k *Kernel) Batch(ops []ipvs.Op) error {
	k.mu.Lock()
	before, done := k.table.Clone(), len(k.ops)
	k.mu.Unlock()
	for _, o := range ops {
		if err := k.Apply(o); err != nil {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.table, k.ops = before, k.ops[:done]
			return err
		}
	}
	return nil
}

func (k *Kernel) apply(o ipvs.Op) error {
	e := k.table.Find(o.Service.Key)
	if o.Kind == ipvs.AddService {
		if e != nil {
			return fs.ErrExist
		}
		k.table = append(k.table, ipvs.Entry{Service: o.Service})
		return nil
	}
	if e == nil {
		return fs.ErrNotExist
	}
	switch o.Kind {
	case ipvs.EditService:
		e.Service = o.Service
	case ipvs.RemoveService:
		k.table = slices.DeleteFunc(k.table, func(e ipvs.Entry) bool { return e.Service.Key == o.Service.Key })
	default:
		return applyDestination(e, o)
	}
	return nil
}

func applyDestination(e *ipvs.Entry, o ipvs.Op) error {
	i := slices.IndexFunc(e.Destinations, func(d ipvs.Destination) bool { return d.Address == o.Destination.Address })
	if o.Kind == ipvs.AddDestination {
		if i >= 0 {
			return fs.ErrExist
		}
		e.Destinations = append(e.Destinations, o.Destination)
		return nil
	}
	if i < 0 {
		return fs.ErrNotExist
	}
	if o.Kind == ipvs.RemoveDestination {
		e.Destinations = slices.Delete(e.Destinations, i, i+1)
		return nil
	}
	e.Destinations[i] = o.Destination
	return nil
}
