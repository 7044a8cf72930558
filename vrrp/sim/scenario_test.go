package sim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp/sim"
)

// loadWords reads a configuration that is only a priority per director.
func loadWords(director string, data []byte) (sim.Setup, error) {
	for line := range strings.Lines(string(data)) {
		switch strings.TrimSpace(line) {
		case director + " high":
			return sim.Setup{Routers: router(150)}, nil
		case director + " low":
			return sim.Setup{Routers: router(100)}, nil
		}
	}
	return sim.Setup{}, errors.New("director is not configured")
}

const small = `
# A comment.
seed 5
delay 1ms 2ms   # and another
drift 10
node lb1
node lb2 other.hcl
address lb2 eth0 10.9.9.9
at 0s start lb1 lb2
at 4s expect lb1 web master
at 4s expect lb1 holds 192.0.2.100/24
at 4s expect lb2 web reason startup
-- vipd.hcl --
lb1 high
-- other.hcl --
lb2 low
-- trace --
golden
`

func TestParse(t *testing.T) {
	t.Parallel()
	s, err := sim.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	want := &sim.Scenario{
		Options: sim.Options{Seed: 5, Delay: time.Millisecond, Jitter: time.Millisecond, DriftPPM: 10},
		Nodes:   []sim.Node{{Name: "lb1", File: "vipd.hcl"}, {Name: "lb2", File: "other.hcl", Addresses: [][2]string{{"eth0", "10.9.9.9"}}}},
		Steps: []sim.Step{
			{At: 0, Name: "start", Args: []string{"lb1", "lb2"}, Line: 9},
			{At: 4 * time.Second, Name: "expect", Args: []string{"lb1", "web", "master"}, Line: 10},
			{At: 4 * time.Second, Name: "expect", Args: []string{"lb1", "holds", "192.0.2.100/24"}, Line: 11},
			{At: 4 * time.Second, Name: "expect", Args: []string{"lb2", "web", "reason", "startup"}, Line: 12},
		},
		Files: map[string][]byte{"vipd.hcl": []byte("lb1 high\n"), "other.hcl": []byte("lb2 low\n")},
		Trace: "golden\n",
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err := s.Run(loadWords)
	if err != nil || got.Failures != nil {
		t.Errorf("%v %v", got, err)
	}
	again, err := sim.Parse(sim.Format([]byte(small), got.Trace))
	if err != nil || again.Trace != got.Trace || !strings.Contains(got.Trace, "digest ") {
		t.Errorf("trace %q, %v", again.Trace, err)
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"frobnicate":                `line 1: unknown word "frobnicate"`,
		"\nat 3s":                   "line 2: at wants a time and a command",
		"at noon start lb1":         "line 1: parse time",
		"at 3s frobnicate":          `line 1: unknown command "frobnicate"`,
		"at 3s kill":                "line 1: usage: kill NODE...",
		"at 3s heal lb1":            "line 1: usage: heal",
		"at 3s link lb1 up":         "line 1: usage: link NODE IFACE up|down",
		"node":                      "line 1: usage: node NAME [FILE]",
		"address lb1 eth0 10.0.0.1": `line 1: unknown node "lb1"`,
		"address lb1":               "line 1: usage: address NODE IFACE ADDR",
		"delay":                     "line 1: usage: delay LEAST [MOST]",
		"delay fast":                "line 1: parse delay",
		"delay 2ms 1ms":             "line 1: delay from 2ms to 1ms",
		"seed x":                    "line 1: ",
		"seed":                      "line 1: usage: seed N",
		"drift":                     "line 1: usage: drift PPM",
	} {
		if _, err := sim.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestStepErrors: what only shows when a step is carried out, and expectations
// that do not hold.
func TestStepErrors(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		"kill lb9":                        `unknown node "lb9"`,
		"start lb9":                       `unknown node "lb9"`,
		"reload lb9 vipd.hcl":             `unknown node "lb9"`,
		"reload lb1 none.hcl":             `scenario has no file "none.hcl"`,
		"reload lb1 other.hcl":            "director is not configured",
		"link lb9 eth0 up":                `unknown node "lb9"`,
		"link lb1 eth0 sideways":          `link is up or down, not "sideways"`,
		"partition lb1 | lb9":             `unknown node "lb9"`,
		"loss all":                        `a share is 0 to 100 percent, not "all"`,
		"expect lb9 web master":           `unknown node "lb9"`,
		"expect lb1 web backup":           "web of lb1: master, want backup",
		"expect lb1 mail master":          `lb1 runs no router "mail"`,
		"expect lb1 web reason stop":      "web of lb1: master_down, want stop",
		"expect lb1 web held true":        "web of lb1: false, want true",
		"expect lb1 web dropped ttl":      "web of lb1: map[], want ttl",
		"expect lb1 web mood good":        `unknown fact "mood"`,
		"expect lb1 lacks 192.0.2.100/24": "not so",
		"expect lb2 holds 192.0.2.100/24": "not so",
		"expect lb1 holds everything":     "parse address",
	} {
		s, err := sim.Parse([]byte(strings.Replace(small, "-- vipd", "at 5s "+step+"\n-- vipd", 1)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Run(loadWords)
		if err != nil || len(got.Failures) != 1 || !strings.Contains(got.Failures[0], "line 13, at 5s: ") || !strings.Contains(got.Failures[0], want) {
			t.Errorf("%q: %v %v, want %q", step, got.Failures, err, want)
		}
	}
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"node lb1":                 `scenario has no file "vipd.hcl"`,
		"node lb1\n-- vipd.hcl --": "load vipd.hcl for lb1: director is not configured",
		"node lb1\naddress lb1 eth0 here\n-- vipd.hcl --\nlb1 high": "address of lb1",
	} {
		s, err := sim.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Run(loadWords); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestWorlds: one step that only the virtual world knows binds the scenario.
func TestWorlds(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]sim.Worlds{
		"kill lb1":  sim.Virtual | sim.Bubble | sim.Real,
		"pause lb1": sim.Virtual | sim.Bubble | sim.Real,
		"loss 5":    sim.Virtual | sim.Bubble,
	} {
		s, err := sim.Parse([]byte("node lb1\nat 1s start lb1\nat 2s " + step))
		if err != nil || s.Worlds() != want {
			t.Errorf("%q: %b, want %b (%v)", step, s.Worlds(), want, err)
		}
	}
}
