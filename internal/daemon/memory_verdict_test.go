package daemon

import (
	"testing"

	"github.com/vipd/vipd/healthcheck"
)

// A verdict that changed after the last full account wins over it, and the
// next full account over the verdict.
func TestCheckMemoryKnowsTheLastVerdict(t *testing.T) {
	a := healthcheck.Key{Settings: healthcheck.Settings{Kind: healthcheck.KindTCP}}
	b := healthcheck.Key{Settings: healthcheck.Settings{Kind: healthcheck.KindPing}}
	var m checkMemory
	m.set([]healthcheck.Memory{{Key: a, Verdict: "up"}, {Key: b, Verdict: "up"}})
	m.replace(healthcheck.Memory{Key: a, Verdict: "down"})
	verdicts := func() map[healthcheck.Key]string {
		out := make(map[healthcheck.Key]string)
		for _, one := range m.get() {
			out[one.Key] = one.Verdict
		}
		return out
	}
	if got := verdicts(); got[a] != "down" || got[b] != "up" || len(m.get()) != 2 {
		t.Errorf("after a changed verdict: %v", got)
	}
	m.set([]healthcheck.Memory{{Key: a, Verdict: "up"}})
	if got := verdicts(); got[a] != "up" || len(got) != 1 {
		t.Errorf("after a full account: %v", got)
	}
}
