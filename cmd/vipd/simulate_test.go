package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/simulate"
)

const pairFile = "../../examples/two-directors.hcl"

// TestSimulate runs each kind of simulation on the user's own file: what it
// says and its exit status.
func TestSimulate(t *testing.T) {
	dir := t.TempDir()
	scenario := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := scenario("good", "at 0s start lb1 lb2\nat 10s kill lb1\nat 20s expect lb2 web master\n")
	broken := scenario("broken", "at 0s start lb1 lb2\nat 10s expect lb2 web master\n")
	nonsense := scenario("nonsense", "at noon start lb1\n")
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string // in the output
	}{
		{"every director in turn", nil, 0, []string{"lb1 * poweroff", "lb2 * poweroff", "192.168.0.200/24 on eth0", "longest gap", "verdict: all invariants hold", "digest "}},
		{"one director", []string{"--kill", "lb2"}, 0, []string{"lb2 * poweroff", "on two directors at once for"}},
		{"an unknown director", []string{"--kill", "lb9"}, exitUsage, nil},
		{"a scenario", []string{"--scenario", good}, 0, []string{"lb1 * kill", "verdict: all invariants hold"}},
		{"a scenario that breaks", []string{"--scenario", broken}, exitProblem, []string{"BROKEN: line 2", "verdict: 1 invariants or expectations broken"}},
		{"a scenario that is none", []string{"--scenario", nonsense}, exitUsage, nil},
		{"a scenario that is not there", []string{"--scenario", filepath.Join(dir, "absent")}, exitUsage, nil},
		{"random scripts", []string{"--random", "5", "--seed", "7"}, 0, []string{"all invariants hold in 5 random scripts, seeds 7 to 11, digest "}},
		{"two kinds at once", []string{"--random", "5", "--kill", "lb1"}, exitUsage, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, stderr, code := invoke(t, append([]string{"simulate", pairFile}, c.args...)...)
			if code != c.code {
				t.Errorf("exit status %d, want %d: %s", code, c.code, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

// TestSimulateForms: the same as JSON and as a picture.
func TestSimulateForms(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "line.svg")
	out, stderr, code := invoke(t, "simulate", pairFile, "--json", "--svg", picture)
	var r simulate.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || len(r.Addresses) != 1 || r.Digest == "" {
		t.Errorf("%v, exit status %d, %s: %+v", err, code, stderr, r)
	}
	if svg, err := os.ReadFile(picture); err != nil || !bytes.HasPrefix(svg, []byte("<svg ")) {
		t.Errorf("%v: %.40s", err, svg)
	}
	out, _, code = invoke(t, "simulate", pairFile, "--json", "--random", "3")
	var hold allHold
	if err := json.Unmarshal([]byte(out), &hold); err != nil || code != 0 || hold.Scripts != 3 || hold.Digest == "" {
		t.Errorf("%v, exit status %d: %+v", err, code, hold)
	}
	if _, _, code = invoke(t, "simulate", pairFile, "--svg", "/nonexistent/line.svg"); code != exitUsage {
		t.Errorf("a picture that cannot be drawn: exit status %d", code)
	}
}

func TestProgressBar(t *testing.T) {
	var b strings.Builder
	for done := range 3 {
		progressBar(&b, done, 2)
	}
	want := "\r[" + strings.Repeat(" ", 40) + "] 0 of 2\r[" + strings.Repeat("#", 20) + strings.Repeat(" ", 20) + "] 1 of 2\r[" + strings.Repeat("#", 40) + "] 2 of 2"
	if b.String() != want {
		t.Errorf("drawn %q", b.String())
	}
}
