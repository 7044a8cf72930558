package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// flushPause is how often a flush has the kernel asked again for what it refused
// to remove.
const flushPause = 100 * time.Millisecond

// Flush implements runner.Links. Addresses that the kernel does not let go are
// tried again for that time; the error names all of them that are left.
func (l *Links) Flush(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		reached := make(chan struct{})
		l.do(job{barrier: reached})
		select {
		case <-reached:
		case <-l.stopped:
			return fmt.Errorf("flush address changes: %w", errClosed)
		case <-timer.C:
			return l.unfinished(d)
		}
		if l.refusedRemovals() == nil {
			return nil
		}
		select {
		case <-time.After(flushPause):
		case <-timer.C:
			return l.unfinished(d)
		}
	}
}

// unfinished is the error of a flush whose time is over.
func (l *Links) unfinished(d time.Duration) error {
	err := fmt.Errorf("flush address changes: not done after %v", d)
	if refused := l.refusedRemovals(); refused != nil {
		err = fmt.Errorf("%w: %w", err, refused)
	}
	return err
}

// leaving tells whether an address is to go and the kernel has refused that.
func (e *entry) leaving() bool { return !e.wanted && !e.due.IsZero() }

// refusedRemovals names what should be gone.
func (l *Links) refusedRemovals() error {
	var errs []error
	for _, p := range l.table.places(func(e entry) bool { return e.leaving() }) {
		if e, known := l.table.get(p); known {
			errs = append(errs, fmt.Errorf("%s on %s: %s", p.prefix, p.iface, cmp.Or(e.err, "is there")))
		}
	}
	return errors.Join(errs...)
}

// removeRefused tries to remove what the kernel refused to, without waiting for its
// time.
func (l *Links) removeRefused() {
	for _, p := range l.table.places(func(e entry) bool { return e.leaving() }) {
		l.takeAway(p)
		l.restoreIdle(p.iface)
	}
}
