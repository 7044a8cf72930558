package runner_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/runner"
)

// TestBegunProbes: what Begin takes has no other probe and counts when its end
// is told, however many ends come at once; what it leaves is probed as ever.
func TestBegunProbes(t *testing.T) {
	var under []healthcheck.Start
	took := 0
	begin := func(starts []healthcheck.Start) {
		for i := range starts {
			if s := &starts[i]; s.Key.Target != key(2).Target {
				s.Begun = true
				under = append(under, *s)
				took++
			}
		}
	}
	inBubble(t, runner.Options{Begin: begin}, func(w *world) {
		land := func(class healthcheck.Class) {
			var ends []healthcheck.End
			for _, s := range under {
				ends = append(ends, healthcheck.End{ID: s.ID, Result: healthcheck.Result{At: time.Now(), Class: class}})
			}
			under = nil
			w.Landed(ends)
		}
		w.Apply(keys(3))
		w.after(5 * time.Second)
		if took != 2 || len(w.servers.startsOf(key(0))) > 0 || len(w.servers.startsOf(key(2))) < 4 {
			t.Fatalf("%d begun, %v and %v probed, want each begun once while it has no end, and the third probed again and again",
				took, w.servers.startsOf(key(0)), w.servers.startsOf(key(2)))
		}
		land(healthcheck.ClassOK)
		w.after(3 * time.Second / 2)
		if took != 4 {
			t.Errorf("%d begun, want both again", took)
		}
		land(healthcheck.ClassRefused)
		w.after(3 * time.Second / 2)
		want := map[string]healthcheck.Verdict{"first": healthcheck.Up, "third": healthcheck.Up}
		got := map[string]healthcheck.Verdict{"first": w.Verdict(key(0)), "third": w.Verdict(key(2))}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after one failure of two (-want +got):\n%s", diff)
		}
		land(healthcheck.ClassRefused)
		if v := w.Verdict(key(0)); v != healthcheck.Down {
			t.Errorf("after both failures: %s, want down", v)
		}
	})
}
