package healthcheck

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// result is the outcome of a probe that began n seconds after epoch and took
// 100 ms.
func result(n int, c Class) Result {
	return Result{At: epoch.Add(time.Duration(n) * time.Second), Class: c, Duration: 100 * time.Millisecond}
}

// letters stand for classes of results in tables.
var letters = map[rune]Class{'+': ClassOK, '-': ClassRefused, 't': ClassTimeout, '?': ClassInternal}

// observe feeds letters and returns each verdict as u(p), d(own) or "." for
// unknown, in upper case where it changed.
func observe(h *Health, results string) string {
	var out strings.Builder
	for i, l := range []rune(results) {
		v, changed := h.Observe(result(i, letters[l]))
		name := [...]string{".", "u", "d"}[v]
		if changed {
			name = strings.ToUpper(name)
		}
		out.WriteString(name)
	}
	return out.String()
}

func TestHealthVerdicts(t *testing.T) {
	tests := []struct {
		name       string
		rise, fall int
		results    string
		want       string
	}{
		{"one result is enough", 1, 1, "+-+", "UDU"},
		{"first failure", 1, 1, "-", "D"},
		{"rise of two from unknown", 2, 3, "++", ".U"},
		{"fall of three from unknown", 2, 3, "---", "..D"},
		{"mixed results decide nothing", 2, 2, "+-+-+-", "......"},
		{"a success restarts the fall", 1, 3, "+--+---", "UuuuuuD"},
		{"a failure restarts the rise", 3, 1, "-++-+++", "DdddddU"},
		{"different failures are failures", 1, 2, "+-t", "UuD"},
		{"our own trouble decides nothing", 1, 1, "?+???", ".Uuuu"},
		{"our own trouble breaks no streak", 1, 2, "+-?-", "UuuD"},
		{"counts below one mean one", 0, -1, "+-", "UD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHealth(Timing{Rise: tt.rise, Fall: tt.fall})
			if got := observe(h, tt.results); got != tt.want {
				t.Errorf("verdicts on %q = %q, want %q", tt.results, got, tt.want)
			}
		})
	}
}

func TestHealthStatus(t *testing.T) {
	h := NewHealth(Timing{Rise: 1, Fall: 2})
	if h.Seen() {
		t.Error("a new health was seen")
	}
	observe(h, "?")
	if !h.Seen() {
		t.Error("an inconclusive result is not a result")
	}
	observe(h, "+++--?")
	want := Status{
		Key:     Key{Timing: Timing{Rise: 1, Fall: 2}},
		Verdict: Down, Since: result(4, "").At.Add(100 * time.Millisecond), // the end of the fifth probe
		Last: result(5, ClassInternal), Streak: 2, Successes: 3, Failures: 2, Inconclusive: 2, Latency: 100 * time.Millisecond,
	}
	if got := h.Status(want.Key); got != want {
		t.Errorf("status\n%+v, want\n%+v", got, want)
	}
}

func TestRetimedGoesOn(t *testing.T) {
	old := NewHealth(Timing{Rise: 1, Fall: 3})
	observe(old, "+--")
	h := old.Retimed(Timing{Rise: 2, Fall: 4})
	if got := observe(h, "--++"); got != "uDdU" {
		t.Errorf("verdicts %q, want the streak of 2 to go on to 4, then a rise of 2", got)
	}
	if v := old.Verdict(); v != Up {
		t.Errorf("the old health became %v", v)
	}
	if got := observe(old, "-"); got != "D" {
		t.Errorf("the old health says %q", got)
	}
}

// TestHealthAgainstNaiveModel compares with the definition read backwards: a
// verdict holds until the last n conclusive results are all alike.
func TestHealthAgainstNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timing := Timing{Rise: rapid.IntRange(1, 5).Draw(t, "rise"), Fall: rapid.IntRange(1, 5).Draw(t, "fall")}
		all := rapid.SliceOf(rapid.SampledFrom([]rune("++---t?"))).Draw(t, "results")
		h, model := NewHealth(timing), Unknown
		var conclusive string
		for i, l := range all {
			if l != '?' {
				conclusive += string(l)
			}
			before := model
			if endsWith(conclusive, timing.Rise, "+") {
				model = Up
			}
			if endsWith(conclusive, timing.Fall, "-t") {
				model = Down
			}
			v, changed := h.Observe(result(i, letters[l]))
			if l == '?' {
				model = before
			}
			if v != model || changed != (model != before) {
				t.Fatalf("after %q: %v changed=%v, want %v changed=%v", string(all[:i+1]), v, changed, model, model != before)
			}
		}
		s := h.Status(Key{})
		if int(s.Successes+s.Failures) != len(conclusive) || int(s.Inconclusive) != len(all)-len(conclusive) {
			t.Fatalf("counters %+v after %q", s, string(all))
		}
		if got := longestTail(conclusive); s.Streak != got {
			t.Fatalf("streak %d after %q, want %d", s.Streak, string(all), got)
		}
	})
}

// endsWith reports whether the last n letters of s are all among set.
func endsWith(s string, n int, set string) bool {
	return len(s) >= n && strings.Trim(s[len(s)-n:], set) == ""
}

// longestTail returns how many letters at the end of s mean the same.
func longestTail(s string) int {
	if strings.HasSuffix(s, "+") {
		return len(s) - len(strings.TrimRight(s, "+"))
	}
	return len(s) - len(strings.TrimRight(s, "-t"))
}

func TestVerdictText(t *testing.T) {
	for v := Unknown; v <= Down; v++ {
		text, err := v.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		back := Up
		if err := back.UnmarshalText(text); err != nil || back != v {
			t.Errorf("%q reads back as %v, %v", text, back, err)
		}
	}
	v := Up
	if err := v.UnmarshalText([]byte("sideways")); err != nil || v != Unknown {
		t.Errorf("an unknown word reads as %v, %v", v, err)
	}
}
