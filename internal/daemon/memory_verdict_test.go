package daemon

import (
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// TestCheckMemory: what is newer wins, in whatever order it arrives, and what
// was not told for a whole round is forgotten.
func TestCheckMemory(t *testing.T) {
	a := healthcheck.Key{Settings: healthcheck.Settings{Kind: healthcheck.KindTCP}}
	b := healthcheck.Key{Settings: healthcheck.Settings{Kind: healthcheck.KindPing}}
	memory := func(k healthcheck.Key, verdict string, second int64) healthcheck.Memory {
		return healthcheck.Memory{Key: k, Verdict: verdict, Last: healthcheck.Result{At: time.Unix(second, 0)}}
	}
	var m checkMemory
	expect := func(when, verdictA, verdictB string) {
		t.Helper()
		got := make(map[healthcheck.Key]string)
		for _, one := range m.get() {
			got[one.Key] = one.Verdict
		}
		if got[a] != verdictA || got[b] != verdictB || len(got) != len(m.get()) {
			t.Errorf("%s: %v", when, got)
		}
	}
	m.replace(memory(a, "up", 1))
	m.add(memoryPortion{First: true, Some: []healthcheck.Memory{memory(a, "up", 2)}})
	m.add(memoryPortion{Some: []healthcheck.Memory{memory(b, "up", 1)}})
	expect("after a round", "up", "up")
	m.replace(memory(a, "down", 4))
	m.add(memoryPortion{First: true, Some: []healthcheck.Memory{memory(a, "up", 3)}})
	expect("after a portion that was overtaken", "down", "up")
	m.add(memoryPortion{First: true, Some: []healthcheck.Memory{memory(a, "up", 5)}})
	expect("after a round without b", "up", "")
}
