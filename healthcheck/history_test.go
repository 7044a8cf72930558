package healthcheck

import (
	"testing"

	"pgregory.net/rapid"
)

// kept writes the results of h as letters.
func kept(h *History) string {
	var s []rune
	for _, r := range h.Results() {
		for l, c := range letters {
			if c == r.Class {
				s = append(s, l)
			}
		}
	}
	return string(s)
}

func TestHistory(t *testing.T) {
	tests := []struct{ name, results, want string }{
		{"empty", "", ""},
		{"not full", "+-", "+-"},
		{"old successes go", "++++-", "++-"},
		{"old failures stay", "-t++++++", "-t+++"},
		{"until as many newer ones came", "-t?t+++", "t?t+++"},
		{"order is kept", "-++?++t++", "-?t++"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHistory(3)
			for i, l := range []rune(tt.results) {
				h.Add(result(i, letters[l]))
			}
			if got := kept(h); got != tt.want {
				t.Errorf("after %q: %q, want %q", tt.results, got, tt.want)
			}
		})
	}
}

func TestHistoryResultsAreACopy(t *testing.T) {
	h := NewHistory(2)
	h.Add(result(0, ClassOK))
	h.Results()[0].Class = ClassBody
	if got := kept(h); got != "+" {
		t.Errorf("history changed to %q", got)
	}
}

// TestHistoryAgainstNaiveModel compares with a search through everything that
// ever happened.
func TestHistoryAgainstNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 6).Draw(t, "limit")
		all := rapid.SliceOf(rapid.SampledFrom([]rune("+++-t?"))).Draw(t, "results")
		h := NewHistory(limit)
		for i, l := range all {
			h.Add(result(i, letters[l]))
		}
		border := max(len(all)-limit, 0)
		var failures []rune
		for _, l := range all[:border] {
			if l != '+' {
				failures = append(failures, l)
			}
		}
		failures = failures[max(len(failures)-limit, 0):]
		if want := string(failures) + string(all[border:]); kept(h) != want {
			t.Fatalf("after %q: %q, want %q", string(all), kept(h), want)
		}
	})
}
