package healthcheck

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// After any history, a health that went through JSON behaves from then on
// exactly as the one that did not.
func TestRecalledHealthGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Key{
			Target:   netip.MustParseAddrPort("10.0.0.1:80"),
			Settings: Defaults(KindTCP),
			Timing: Timing{
				Interval: time.Second, Rise: rapid.IntRange(1, 3).Draw(t, "rise"), Fall: rapid.IntRange(1, 3).Draw(t, "fall"),
				Flaps: rapid.IntRange(0, 3).Draw(t, "flaps"), FlapWindow: 10 * time.Second,
			},
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		draw := func() Result {
			at = at.Add(time.Second)
			class := rapid.SampledFrom([]Class{ClassOK, ClassRefused, ClassInternal}).Draw(t, "class")
			return Result{At: at, Class: class, Duration: time.Millisecond}
		}
		original := NewHealth(k.Timing)
		for range rapid.IntRange(0, 12).Draw(t, "before") {
			original.Observe(draw())
		}
		text, err := json.Marshal(original.Memory(k))
		if err != nil {
			t.Fatal(err)
		}
		var m Memory
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		if m.Key != k {
			t.Fatalf("key %+v came back as %+v", k, m.Key)
		}
		recalled := Recall(m)
		for range rapid.IntRange(1, 12).Draw(t, "after") {
			r := draw()
			v1, c1 := original.Observe(r)
			v2, c2 := recalled.Observe(r)
			if v1 != v2 || c1 != c2 || original.Status(k).Successes != recalled.Status(k).Successes {
				t.Fatalf("after %s: %v %v, recalled %v %v", r.Class, v1, c1, v2, c2)
			}
		}
	})
}

func TestRecallOfNonsense(t *testing.T) {
	h := Recall(Memory{Verdict: "excellent", Streak: -4})
	if h.Verdict() != Unknown || h.streak != 0 {
		t.Errorf("verdict %v, streak %d", h.Verdict(), h.streak)
	}
	if v, _ := h.Observe(Result{Class: ClassOK}); v != Up {
		t.Errorf("verdict %v after a success", v)
	}
}
