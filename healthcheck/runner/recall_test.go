package runner_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/runner"
)

func TestRecalledKeysBeginWithTheirVerdict(t *testing.T) {
	var memories []healthcheck.Memory
	inBubble(t, runner.Options{}, func(w *world) {
		w.servers.set(key(1), healthcheck.ClassRefused, 0)
		w.Apply(keys(3))
		w.after(5 * time.Second)
		memories = w.Memories()
	})
	inBubble(t, runner.Options{}, func(w *world) {
		w.servers.set(key(0), "", time.Hour) // says nothing for a while
		w.servers.set(key(1), "", time.Hour)
		w.Recall(memories)
		slower := key(1)
		slower.Timing.Interval *= 2
		w.Apply([]healthcheck.Key{key(0), slower, key(9)})
		expect(w, []healthcheck.Verdict{healthcheck.Up, healthcheck.Down, healthcheck.Unknown},
			[]healthcheck.Verdict{w.Verdict(key(0)), w.Verdict(slower), w.Verdict(key(9))})
		expect(w, false, closed(w.FirstRound())) // key 9 is new
		w.Apply(nil)
		w.Apply(keys(1)) // recalled once only
		expect(w, healthcheck.Unknown, w.Verdict(key(0)))
	})
}
