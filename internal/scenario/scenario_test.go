package scenario_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/golden"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

// load reads a scenario's configuration as the daemon of the director would.
func load(director string, data []byte) (sim.Setup, error) {
	c, diags := conf.Load([]string{sim.DefaultConfig}, conf.Options{
		Director: director,
		Hostname: director,
		Env:      func(string) (string, bool) { return "", false },
		Read:     func(string) ([]byte, error) { return data, nil },
	})
	if diags.HasErrors() {
		var b bytes.Buffer
		diags.Write(&b)
		return sim.Setup{}, errors.New(b.String())
	}
	setup := sim.Setup{Routers: c.Routers}
	for _, g := range c.Groups {
		setup.Groups = append(setup.Groups, g.Group)
	}
	return setup, nil
}

// files returns the paths of all scenarios.
func files(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../../testdata/scenarios/*.txtar")
	if err != nil || len(all) < 40 {
		t.Fatalf("%d scenarios: %v", len(all), err)
	}
	return all
}

// TestScenarios runs every scenario in virtual time: its expectations hold, no
// invariant breaks, and the trace is the golden one to the byte.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			runScenario(t, file, data)
		})
	}
}

func runScenario(t *testing.T, file string, data []byte) {
	s, err := sim.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Run(load)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got.Failures {
		t.Error(f)
	}
	s.Options.Engine = func() sim.Engine { return &sim.Heirs{Engine: vrrp.NewEngine()} }
	again, err := s.Run(load)
	if err != nil || again.Trace != got.Trace {
		t.Errorf("a second run, with engines that hand over to successors, differs: %v\n%s", err, cmp.Diff(got.Trace, again.Trace))
	}
	if golden.Update() {
		golden.Write(t, file, string(sim.Format(data, got.Trace)))
		return
	}
	if diff := cmp.Diff(s.Trace, got.Trace); diff != "" {
		t.Errorf("trace (-want +got), rerun with -update if the change is meant:\n%s", diff)
	}
}
