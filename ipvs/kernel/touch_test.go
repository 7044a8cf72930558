package kernel

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

// whole is a Touch that wants these services.
func whole(want ipvs.Table) func(ipvs.Index) ipvs.Table {
	return func(ipvs.Index) ipvs.Table { return want.Clone() }
}

// Services changed one by one give the table that a pass over all gives, and
// nothing is read for it.
func TestTouchIsAPartOfAPass(t *testing.T) {
	proc := fakeProc(t, "boot-1", "net:[1]", "0")
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		k := ipvstest.New(foreign)
		r, err := newReconciler(k, dir+"/ipvs.json", proc)
		if err != nil {
			t.Fatal(err)
		}
		want := ipvstest.Tables().Draw(t, "table")
		if _, err := r.Reconcile(want.Clone()); err != nil {
			t.Fatal(err)
		}
		k.Unreadable = errors.New("it was read")
		for range rapid.IntRange(0, 5).Draw(t, "times") {
			some := rapid.SliceOfDistinct(rapid.IntRange(0, 5), func(i int) int { return i }).Draw(t, "services")
			other := ipvstest.Tables().Draw(t, "other")
			var part ipvs.Table
			for j, i := range some {
				if i < len(want) && j < len(other) {
					want[i].Destinations = other[j].Destinations
					part = append(part, want[i])
				}
			}
			if _, ok, err := r.Touch(whole(part)); !ok || err != nil {
				t.Fatalf("touched %v, error %v", ok, err)
			}
		}
		if ops, err := r.Update(func(have ipvs.Table) ipvs.Table { return want.Clone() }); err != nil || len(ops) > 0 {
			t.Fatalf("a pass over all still did %v, %v", ops, err)
		}
		k.Unreadable = nil
		if got, _ := k.Table(); !got.Equal(join(foreign, want)) {
			t.Fatalf("table\n got %+v\nwant %+v", got, join(foreign, want))
		}
		if rep, err := r.Verify(func(ipvs.Table) ipvs.Table { return want.Clone() }); err != nil || len(rep.Drift)+len(rep.Done) > 0 {
			t.Fatalf("what is known is not what is there: %+v, %v", rep, err)
		}
		if err := r.RemoveOurs(); err != nil {
			t.Fatal(err)
		}
	})
}

// Without knowledge of the table a part of it is nobody's to decide.
func TestTouchNeedsAKnownTable(t *testing.T) {
	w := newWorld(t, foreign)
	r := w.start()
	touch := func(when string, want ipvs.Table, expected bool) {
		t.Helper()
		if _, ok, _ := r.Touch(whole(want)); ok != expected {
			t.Errorf("%s: touched %v, want %v", when, ok, expected)
		}
	}
	touch("before the first pass", web, false)
	w.reconcile(r, web)
	touch("after it", web, true)
	touch("a service that no pass claimed", dns, false)
	w.expect(join(foreign, web))
	w.reconcile(r, join(web, dns))

	refused := errors.New("refused")
	w.kernel.Refuse = func(ipvs.Op) error { return refused }
	less := web.Clone()
	less[0].Destinations[0].Weight = 0
	if _, ok, err := r.Touch(whole(less)); !ok || !errors.Is(err, refused) {
		t.Errorf("touched %v, error %v", ok, err)
	}
	w.kernel.Refuse = nil
	touch("after a refusal", less, false)
	w.reconcile(r, join(less, dns))
	w.expect(join(foreign, less, dns))
}
