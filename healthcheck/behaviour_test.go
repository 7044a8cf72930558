package healthcheck

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPauseAfterResults(t *testing.T) {
	timing := Timing{Interval: 10 * time.Second, Rise: 2, Fall: 3, Retry: time.Second, DownInterval: 2 * time.Second}
	tests := []struct {
		results string
		want    time.Duration
	}{
		{"", 10 * time.Second},
		{"+", 10 * time.Second},
		{"+-", time.Second},
		{"++--", time.Second},
		{"++---", 2 * time.Second},
		{"++---+", 2 * time.Second},
		{"++---++", 10 * time.Second},
		{"-", time.Second},
		{"-?", time.Second},
		{"+?", 10 * time.Second},
	}
	for _, tt := range tests {
		h := NewHealth(timing)
		observe(h, tt.results)
		if got := h.Pause(); got != tt.want {
			t.Errorf("pause after %q = %v, want %v", tt.results, got, tt.want)
		}
	}
	h := NewHealth(Timing{Interval: 10 * time.Second, Fall: 1})
	if observe(h, "-"); h.Pause() != 10*time.Second {
		t.Errorf("pause %v without other settings", h.Pause())
	}
}

// TestCheapProbes follows ldirectord's combined check: a whole one, then N
// connections, then a whole one again, at once after a failure.
func TestCheapProbes(t *testing.T) {
	h := NewHealth(Timing{Cheap: 2, Fall: 5})
	whole := Defaults(KindHTTP)
	whole.Network.Mark = 7
	var kinds strings.Builder
	for i, l := range "+++++-++-" {
		s := h.Next(whole)
		if s.Kind == KindTCP && (s.Network != whole.Network || s.Timeout != whole.Timeout || len(s.Validate()) > 0) {
			t.Errorf("settings %+v of a mere connection", s)
		}
		kinds.WriteString(string(s.Kind[:1]))
		h.Observe(result(i, letters[l]))
	}
	if got, want := kinds.String(), "htthtthtt"; got != want {
		t.Errorf("probes %s, want %s", got, want)
	}
}

func TestFlapDamping(t *testing.T) {
	timing := Timing{Rise: 1, Fall: 1, Flaps: 2, FlapWindow: 10 * time.Second}
	tests := []struct{ name, results, want string }{
		{"one change is free", "+-+", "UDU"},
		{"the second is held for a window", "+-+-+++++++++++", "UDUDddddddddddU"},
		{"another failure holds anew", "+-+-+++++++-++++++++++++", "UDUDdddddddddddddddddddd"[:21] + "dUu"},
		{"changes far apart are free", "+-+++++++++++-+", "UDUuuuuuuuuuuDU"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHealth(timing)
			if got := observe(h, tt.results); got != tt.want {
				t.Errorf("verdicts on %q\n%s, want\n%s", tt.results, got, tt.want)
			}
		})
	}
	h := NewHealth(timing)
	observe(h, "+-+-+")
	if !h.Status(Key{}).Held {
		t.Error("status does not show that the server is held")
	}
}

func TestLatencyIsSmoothed(t *testing.T) {
	h := NewHealth(Timing{Cheap: 1})
	for i, d := range []time.Duration{80, 1000 /* a connection */, 160, 1 /* a connection */, 80} {
		h.Observe(Result{At: epoch.Add(time.Duration(i) * time.Second), Class: ClassOK, Duration: d * time.Millisecond})
	}
	if got := h.Status(Key{}).Latency; got != 88750*time.Microsecond {
		t.Errorf("latency %v, want 80 ms, an eighth of the way to 160 and back to 80", got)
	}
}

func TestAdviceOfTheLastSuccessCounts(t *testing.T) {
	h := NewHealth(Timing{})
	half := Advice{AdvicePercent, 50}
	h.Observe(Result{At: epoch, Class: ClassOK, Advice: half})
	h.Observe(Result{At: epoch, Class: ClassInternal})
	h.Observe(Result{At: epoch, Class: ClassTimeout})
	if h.Advice() != half {
		t.Errorf("advice %v", h.Advice())
	}
	h.Observe(Result{At: epoch, Class: ClassOK})
	if h.Advice() != (Advice{}) {
		t.Errorf("advice %v after a success without", h.Advice())
	}
}

func TestCombine(t *testing.T) {
	words := map[rune]Verdict{'?': Unknown, 'u': Up, 'd': Down}
	tests := []struct {
		require  int
		verdicts string
		want     Verdict
	}{
		{0, "", Up}, {0, "uu", Up}, {0, "u?", Unknown}, {0, "d?", Down}, {0, "ud", Down},
		{1, "ud", Up}, {1, "d?", Unknown}, {1, "dd", Down}, {2, "uud", Up}, {2, "udd", Down},
		{2, "u?d", Unknown}, {9, "uu", Up}, {9, "ud", Down},
	}
	for _, tt := range tests {
		var verdicts []Verdict
		for _, w := range tt.verdicts {
			verdicts = append(verdicts, words[w])
		}
		if got := Combine(tt.require, verdicts); got != tt.want {
			t.Errorf("%d of %q = %s, want %s", tt.require, tt.verdicts, got, tt.want)
		}
	}
}

// TestCombineIsWhatTheUnknownCouldBecome compares with trying everything that
// the unknown verdicts could turn out to be.
func TestCombineIsWhatTheUnknownCouldBecome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		verdicts := rapid.SliceOfN(rapid.SampledFrom([]Verdict{Unknown, Up, Down}), 0, 6).Draw(t, "verdicts")
		require := rapid.IntRange(0, 7).Draw(t, "require")
		outcomes := map[Verdict]bool{}
		var try func(i, up int)
		try = func(i, up int) {
			if i == len(verdicts) {
				need := require
				if need == 0 || need > len(verdicts) {
					need = len(verdicts)
				}
				outcomes[map[bool]Verdict{true: Up, false: Down}[up >= need]] = true
				return
			}
			if verdicts[i] != Down {
				try(i+1, up+1)
			}
			if verdicts[i] != Up {
				try(i+1, up)
			}
		}
		try(0, 0)
		want := Unknown
		for v := range outcomes {
			if len(outcomes) == 1 {
				want = v
			}
		}
		if got := Combine(require, verdicts); got != want {
			t.Fatalf("%d of %v = %s, want %s", require, verdicts, got, want)
		}
	})
}

func TestJudgeWithDependencies(t *testing.T) {
	gateway := Check{Name: "gateway", Settings: Defaults(KindPing), Address: netip.MustParseAddr("10.0.0.254")}
	lan := Check{Name: "lan", Settings: Defaults(KindPing), DependsOn: &gateway}
	web := Check{Settings: Defaults(KindHTTP), DependsOn: &lan}
	tcp := Check{Settings: Defaults(KindTCP)}
	real := netip.MustParseAddrPort("10.0.0.1:80")
	down := map[string]bool{}
	verdict := func(k Key) Verdict {
		if down[string(k.Settings.Kind)+" "+k.Target.String()] {
			return Down
		}
		return Up
	}
	steps := []struct {
		down string
		want Verdict
	}{
		{"", Up}, {"http 10.0.0.1:80", Down}, {"ping 10.0.0.254:0", Unknown}, {"tcp 10.0.0.1:80", Down},
	}
	for _, s := range steps {
		down[s.down] = true
		if got := Judge([]Check{web, tcp}, 0, real, verdict); got != s.want {
			t.Errorf("with %s down as well: %s, want %s", s.down, got, s.want)
		}
	}
	var targets []string
	for k := range Keys([]Check{web, tcp}, real) {
		targets = append(targets, string(k.Settings.Kind)+" "+k.Target.String())
	}
	want := []string{"http 10.0.0.1:80", "ping 10.0.0.1:0", "ping 10.0.0.254:0", "tcp 10.0.0.1:80"}
	if diff := cmp.Diff(want, targets); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}
