package healthcheck

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParseAdvice(t *testing.T) {
	tests := []struct {
		line   string
		up     bool
		advice Advice
		reason string
		ok     bool
	}{
		{"up", true, Advice{}, "", true},
		{"up ready 75%", true, Advice{AdvicePercent, 75}, "", true},
		{"UP,50%", true, Advice{AdvicePercent, 50}, "", true},
		{"0%", true, Advice{AdvicePercent, 0}, "", true},
		{"150%", true, Advice{AdvicePercent, 150}, "", true},
		{"drain", true, Advice{Mode: AdviceSet}, "", true},
		{"maint 75%", true, Advice{Mode: AdviceSet}, "", true},
		{"down", false, Advice{}, "", true},
		{"down # out of memory", false, Advice{}, "# out of memory", true},
		{"fail#broken pipe", false, Advice{}, "broken pipe", true},
		{"up down", false, Advice{}, "", true},
		{"maxconn:30", true, Advice{}, "", true},
		{"75", true, Advice{}, "", false},
		{"220 mail.example.com ESMTP", true, Advice{}, "", false},
		{"-5%", true, Advice{}, "", false},
		{"99999999%", true, Advice{}, "", false},
		{"", true, Advice{}, "", false},
	}
	for _, tt := range tests {
		up, advice, reason, ok := ParseAdvice(tt.line)
		if up != tt.up || advice != tt.advice || reason != tt.reason || ok != tt.ok {
			t.Errorf("%q: up %v, %+v, %q, ok %v", tt.line, up, advice, reason, ok)
		}
	}
}

func TestAdviceApply(t *testing.T) {
	tests := []struct {
		advice           Advice
		configured, want int
	}{
		{Advice{}, 10, 10},
		{Advice{AdviceSet, 253}, 10, 253},
		{Advice{AdviceSet, 0}, 10, 0},
		{Advice{AdviceSet, 5}, 0, 0},
		{Advice{AdvicePercent, 50}, 10, 5},
		{Advice{AdvicePercent, 1}, 10, 1},
		{Advice{AdvicePercent, 0}, 10, 0},
		{Advice{AdvicePercent, 65535}, 65535, 65535},
		{Advice{AdviceAdd, -3}, 10, 7},
		{Advice{AdviceAdd, -30}, 10, 0},
		{Advice{AdviceAdd, 1 << 40}, 10, 65535},
	}
	for _, tt := range tests {
		if got := tt.advice.Apply(tt.configured); got != tt.want {
			t.Errorf("%+v of %d = %d, want %d", tt.advice, tt.configured, got, tt.want)
		}
	}
}

// FuzzParseAdvice: whatever an agent says, the weight stays a weight.
func FuzzParseAdvice(f *testing.F) {
	for _, s := range []string{"up 75%", "down#x", "maint", "\x00\xff%", "maxconn:9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		up, advice, _, ok := ParseAdvice(line)
		if w := advice.Apply(100); w < 0 || w > 65535 || (!ok && (!up || advice != Advice{})) {
			t.Errorf("%q: up %v, %+v, weight %d, ok %v", line, up, advice, w, ok)
		}
	})
}

func TestJSONPath(t *testing.T) {
	const doc = `{"a": {"b": [1, {"c": "x"}, null]}, "d.e": true, "f": "", "g": 1.50}`
	tests := []struct{ path, want, err string }{
		{"a.b[0]", "1", ""}, {"a.b[1].c", "x", ""}, {"$.a.b[1].c", "x", ""}, {"a.b[2]", "null", ""}, {`["d.e"]`, "true", ""},
		{`$["d.e"]`, "true", ""}, {"f", "", ""}, {"g", "1.50", ""}, {"a.b[1]", `{"c": "x"}`, ""},
		{"a.b[3]", "", "JSON body has nothing at 3"}, {"a.x", "", "JSON body has nothing at x"}, {"a[0]", "", "JSON body has nothing at 0"},
		{"f.x", "", "JSON body has nothing at x"},
	}
	for _, tt := range tests {
		path, err := ParseJSONPath(tt.path)
		if err != nil {
			t.Errorf("parse %q: %v", tt.path, err)
			continue
		}
		got, err := path.Find([]byte(doc))
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%q: %q, %v; want %q, %s", tt.path, got, err, tt.want, tt.err)
		}
	}
	for _, bad := range []string{".", "a..b", "a[", "a[x]", "a[-1]", "a]", `["x`, "$a", "a.", "[0]b"} {
		if _, err := ParseJSONPath(bad); err == nil {
			t.Errorf("%q was understood", bad)
		}
	}
	for _, noise := range []string{"", "{", "\x00", "{}{}"} {
		if _, err := (JSONPath{"a"}).Find([]byte(noise)); err == nil {
			t.Errorf("found something in %q", noise)
		}
	}
}

// FuzzJSONPath: neither path nor document can do harm.
func FuzzJSONPath(f *testing.F) {
	f.Add("a.b[0]", `{"a": {"b": [1]}}`)
	f.Add(`$["x"]`, "[")
	f.Fuzz(func(t *testing.T, text, doc string) {
		if path, err := ParseJSONPath(text); err == nil {
			_, _ = path.Find([]byte(doc))
		}
	})
}

// TestSettingsSurviveJSON: the checker role gets its settings as JSON.
func TestSettingsSurviveJSON(t *testing.T) {
	for _, kind := range Kinds() {
		want := Defaults(kind)
		want.Timeout = 7
		roundTrip(t, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOf(rapid.Byte()).Draw(t, "send")
		s := Defaults(KindUDP)
		s.Params = UDP{Send: Bytes(raw), Expect: rapid.String().Draw(t, "expect")}
		roundTrip(t, s)
		s = Defaults(KindScript)
		s.Params = Script{Command: ListOf(rapid.SliceOf(rapid.String()).Draw(t, "words")...)}
		roundTrip(t, s)
	})
}
