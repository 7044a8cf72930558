package runner

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// adverts notes when a wire sent what.
func (w *fakeWire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent)
}

// TestYield: a master that is asked between two adverts goes on in another loop
// with the cadence of the first, and nobody sees a transition.
func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := elect(t, 200, 100)
		a, b := nodes[0], nodes[1]
		time.Sleep(10*time.Second + 300*time.Millisecond)
		before, changes := b.host.changes(), a.host.changes()
		var heir *node
		err := a.Yield(t.Context(), 50*time.Millisecond, func(left Left, until time.Time) error {
			if d := time.Until(until); d < 50*time.Millisecond {
				t.Errorf("only %v are left", d)
			}
			engine, err := vrrp.Restore(left.Engine)
			if err != nil {
				return err
			}
			heir = &node{wire: a.wire, host: newFakeHost()}
			heir.Runner = New(Options{
				Engine: engine, Left: &left, Wire: a.wire, Links: heir.host, Announcer: heir.host,
				Observer: heir.host, Record: heir.host,
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := a.Status(t.Context()); !errors.Is(err, ErrStopped) {
			t.Errorf("the old loop still answers: %v", err)
		}
		heir.stop = start(t, heir.Runner)
		heir.Do(&vrrp.Resumed{})
		sent := a.wire.count()
		time.Sleep(20 * time.Second)
		if n := a.wire.count() - sent; n != 20 {
			t.Errorf("%d adverts in 20 s, want 20", n)
		}
		wantChanges(t, "the old loop", a, changes...)
		wantChanges(t, "the heir", heir)
		wantChanges(t, "the backup", b, before...)
		if heir.host.holds() != 1 {
			t.Errorf("the heir holds %d addresses, want 1", heir.host.holds())
		}
		heir.stop()
		time.Sleep(time.Second)
		if got := a.wire.priorities(); got[len(got)-1] != 0 {
			t.Errorf("the heir left with priority %d", got[len(got)-1])
		}
		b.stop()
	})
}

// TestYieldFails: a loop whose successor is no good, or for which there is no
// quiet moment, goes on as if nothing had happened.
func TestYieldFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := elect(t, 200, 100)
		a, b := nodes[0], nodes[1]
		time.Sleep(10 * time.Second)
		sent, before := a.wire.count(), b.host.changes()
		no := errors.New("no good")
		if err := a.Yield(t.Context(), 0, func(Left, time.Time) error { return no }); !errors.Is(err, no) {
			t.Errorf("yield: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := a.Yield(ctx, time.Hour, func(Left, time.Time) error { return nil })
		if !errors.Is(err, ErrBusy) {
			t.Errorf("without a quiet moment: %v", err)
		}
		time.Sleep(5 * time.Second)
		if n := a.wire.count() - sent; n < 9 || n > 10 {
			t.Errorf("%d adverts in 10 s", n)
		}
		wantChanges(t, "the backup", b, before...)
		a.stop()
		b.stop()
		if err := a.Yield(t.Context(), 0, func(Left, time.Time) error { return nil }); !errors.Is(err, ErrStopped) {
			t.Errorf("after its end: %v", err)
		}
	})
}
