package daemon

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// TestCheckMemory: what is newer wins, in whatever order it arrives, and what
// was not told for a whole round is forgotten.
func TestCheckMemory(t *testing.T) {
	a := healthcheck.Key{Settings: healthcheck.Settings{Kind: healthcheck.KindTCP}}
	b := healthcheck.Key{Settings: healthcheck.Settings{Kind: healthcheck.KindPing}}
	memory := func(k healthcheck.Key, verdict string, second int64) toldMemory {
		one, err := tellable(healthcheck.Memory{Key: k, Verdict: verdict, Last: healthcheck.Result{At: time.Unix(second, 0)}})
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	var m checkMemory
	expect := func(when, verdictA, verdictB string) {
		t.Helper()
		got := make(map[healthcheck.Key]string)
		for _, text := range m.get() {
			var one healthcheck.Memory
			if err := json.Unmarshal(text, &one); err != nil {
				t.Fatal(err)
			}
			got[one.Key] = one.Verdict
		}
		if got[a] != verdictA || got[b] != verdictB || len(got) != len(m.get()) {
			t.Errorf("%s: %v", when, got)
		}
	}
	m.replace(memory(a, "up", 1))
	m.add(memoryPortion{First: true, Some: []toldMemory{memory(a, "up", 2)}})
	m.add(memoryPortion{Some: []toldMemory{memory(b, "up", 1)}})
	expect("after a round", "up", "up")
	m.replace(memory(a, "down", 4))
	m.add(memoryPortion{First: true, Some: []toldMemory{memory(a, "up", 3)}})
	expect("after a portion that was overtaken", "down", "up")
	m.add(memoryPortion{First: true, Some: []toldMemory{memory(a, "up", 5)}})
	expect("after a round without b", "up", "")
}

// TestMemoryRounds: a round through everything takes a minute or less, however
// many targets there are.
func TestMemoryRounds(t *testing.T) {
	for _, n := range []int{0, 1, 100, 2000, 10000, 100000} {
		if seconds := (n + memoryShare(n) - 1) / memoryShare(n); seconds > 60 {
			t.Errorf("%d targets: %d at a time, %d s", n, memoryShare(n), seconds)
		}
	}
}
