package simulate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
)

var options = conf.Options{Program: func(string) error { return nil }}

// write writes configuration files and returns their paths.
func write(t *testing.T, files map[string]string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("version = 1\n"+text), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

func load(t *testing.T, files map[string]string) *Simulation {
	t.Helper()
	directors, diags := Load(write(t, files), options)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return New(directors, options)
}

const two = `director "lb1" { priority = 150 }
director "lb2" { priority = 100 }
`

// instance is a vrrp_instance with more lines.
func instance(name, iface string, vrid int, address, more string) string {
	return fmt.Sprintf("vrrp_instance %q {\n  interface = %q\n  vrid = %d\n  virtual_address = [%q]\n%s}\n", name, iface, vrid, address, more)
}

var web = instance("web", "eth0", 51, "192.0.2.100/24", "")

func TestLoad(t *testing.T) {
	blocks := load(t, map[string]string{"vipd.hcl": two + web})
	if got := blocks.names(); !slices.Equal(got, []string{"lb1", "lb2"}) {
		t.Errorf("directors %v", got)
	}
	files := load(t, map[string]string{"north.hcl": web, "south.hcl": web})
	if got := files.names(); !slices.Equal(got, []string{"north", "south"}) {
		t.Errorf("directors %v", got)
	}
	if directors, diags := Load(write(t, map[string]string{"bad.hcl": "vrrp_instanze {}"}), options); directors != nil || !diags.HasErrors() {
		t.Errorf("a broken file gives %v", directors)
	}
}

// The loss of the master costs three intervals and the skew of the other.
func TestKill(t *testing.T) {
	s := load(t, map[string]string{"vipd.hcl": two + web})
	r, err := s.Kill("lb1")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) > 0 || len(r.Addresses) != 1 {
		t.Fatalf("broken %q, %d addresses", r.Broken, len(r.Addresses))
	}
	a := r.Addresses[0]
	if a.Longest < 2500*time.Millisecond || a.Longest > 3610*time.Millisecond || a.Double > 10*time.Millisecond {
		t.Errorf("longest gap %v, two owners for %v", a.Longest, a.Double)
	}
	if _, err := s.Kill("lb9"); err == nil {
		t.Error("an unknown director is killed")
	}
}

// Two files that do not go together: each director is master, which is broken
// although each of them does what it should.
func TestSharedAddress(t *testing.T) {
	other := strings.Replace(web, "51", "52", 1)
	s := load(t, map[string]string{"north.hcl": web, "south.hcl": other})
	for name, run := range map[string]func() (*Report, error){
		"kill": func() (*Report, error) { return s.Kill("north") },
		"random": func() (*Report, error) {
			_, f, err := s.Random(1, 1, nil)
			if f == nil {
				return &Report{}, err
			}
			return f.Report, err
		},
	} {
		r, err := run()
		if err != nil || len(r.Broken) != 1 || !strings.Contains(r.Broken[0], "192.0.2.100/24 is on north and south at once") &&
			!strings.Contains(r.Broken[0], "192.0.2.100/24 is on south and north at once") {
			t.Errorf("%s: %v, broken %q", name, err, r.Broken)
		}
	}
}

// Every director in turn, and the report in all its forms.
func TestReport(t *testing.T) {
	s := load(t, map[string]string{"vipd.hcl": two + web})
	r, err := s.Kill("")
	if err != nil {
		t.Fatal(err)
	}
	var text, svg bytes.Buffer
	r.Write(&text)
	for _, want := range []string{"lb1 * poweroff", "lb2 * poweroff", "192.0.2.100/24 on eth0", "nobody", "verdict: all invariants hold", "digest "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	if err := r.WriteSVG(&svg); err != nil {
		t.Fatal(err)
	}
	bars := strings.Count(svg.String(), "<title>lb")
	for d := xml.NewDecoder(&svg); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is not XML: %v", err)
		}
	}
	if bars < 3 {
		t.Errorf("%d bars", bars)
	}
}

// A scenario of the user's own: what it expects and does not get is broken.
func TestScenario(t *testing.T) {
	s := load(t, map[string]string{"vipd.hcl": two + web})
	r, err := s.Scenario([]byte("at 0s start lb1 lb2\nat 10s expect lb1 web master\nat 10s standby lb1 web\nat 15s expect lb2 web master\nat 15s expect lb1 web master\nat 20s end\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) != 1 || !strings.Contains(r.Broken[0], "line 5") {
		t.Errorf("broken %q", r.Broken)
	}
	if _, err := s.Scenario([]byte("at noon start lb1\n")); err == nil {
		t.Error("nonsense is a scenario")
	}
}

// A script that fails is cut down to what it takes.
func TestShrink(t *testing.T) {
	s := load(t, map[string]string{"vipd.hcl": two + web})
	steps := s.randomSteps(1)
	// lb2 cannot be master while lb1 is well: this never holds.
	steps[len(steps)-1].Name, steps[len(steps)-1].Args = "expect", []string{"lb2", "web", "master"}
	f, err := s.shrink(1, steps)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(f.Script, "\nat "); n != 1 || !strings.Contains(f.Script, "expect lb2 web master") {
		t.Errorf("shrunk to\n%s", f.Script)
	}
}

// The same seeds give the same runs, whether they are watched or not.
func TestRandom(t *testing.T) {
	t.Parallel()
	const n = 20
	s, _ := drawn(t, 1)
	runs := 0
	digest, f, err := s.Random(n, 1, func(int) { runs++ })
	if err != nil || f != nil {
		t.Fatal(f, err)
	}
	again, _, err := s.Random(n, 1, nil)
	if err != nil || again != digest || runs != n {
		t.Errorf("digest %s, then %s, after %d runs, %v", digest, again, runs, err)
	}
}
