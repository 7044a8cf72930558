package worlds

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

var (
	full = flag.Bool("full", false, "run every scenario that can be run for real, not only some short ones")
	page = flag.String("page", "", "write what was run into this file")
)

// short are the scenarios of every run of the tests: what they take together
// stays below half a minute on a busy machine.
var short = []string{"election", "standby", "stop", "track-weight"}

// duels are the scenarios that are run once more with keepalived in place of a
// director, one at a time; the first of them in every run of the tests.
var duels = [][2]string{
	{"stop", "lb2"}, {"stop", "lb1"}, {"election", "lb1"}, {"election", "lb2"}, {"kill", "lb2"}, {"preempt", "lb1"}, {"preempt", "lb2"},
	{"nopreempt", "lb2"}, {"partition", "lb1"}, {"partition", "lb2"}, {"link", "lb1"}, {"link", "lb2"}, {"standby", "lb2"},
	{"track-weight", "lb2"}, {"track-fault", "lb2"}, {"group-election", "lb2"}, {"group-stop", "lb2"}, {"unicast", "lb3"}, {"address-interface", "lb1"},
}

// read parses a scenario.
func read(t *testing.T, name string) *sim.Scenario {
	t.Helper()
	data, err := os.ReadFile("../../../testdata/scenarios/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// obstacle tells why a scenario cannot be run for real, "" when it can.
func obstacle(s *sim.Scenario) string {
	for _, step := range s.Steps {
		switch {
		case step.Name == "ready" || step.Name == "start" && slices.Contains(step.Args, "await"):
			return "takes an IPVS table: `TestGuest/Safety_4_5_StartGate`"
		case step.Name == "start" && slices.Contains(step.Args, "resume"):
			return "how a daemon starts is up to its supervisor: `TestSafety_4_1_KilledRole`"
		case sim.Commands[step.Name].Worlds&sim.Real == 0:
			return "the network and the clocks of namespaces cannot be disturbed that way"
		case step.Name == "track" && !slices.Contains([]vrrp.TrackKind{vrrp.TrackScript, vrrp.TrackFile}, vrrp.TrackKind(step.Args[1])):
			return "a tracked " + step.Args[1] + " is not in the hands of the test"
		}
	}
	return ""
}

// TestEnoughForReal: of the scenarios at least fifteen can be run for real.
func TestEnoughForReal(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/scenarios/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if obstacle(read(t, strings.TrimSuffix(filepath.Base(f), ".txtar"))) == "" {
			n++
		}
	}
	if n < 15 {
		t.Errorf("%d of %d", n, len(files))
	}
}

// TestScenariosForReal runs scenarios with the built binary: the same files,
// the same expectations, with intervals of a second speeded up to a tenth, and
// some patience.
func TestScenariosForReal(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root)
	names := short
	if *full {
		files, err := filepath.Glob("../../../testdata/scenarios/*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		names = nil
		for _, f := range files {
			names = append(names, strings.TrimSuffix(filepath.Base(f), ".txtar"))
		}
	}
	for _, name := range names {
		s := read(t, name)
		if why := obstacle(s); why != "" {
			results.add(name, "", why)
			continue
		}
		t.Run(name, func(t *testing.T) { perform(t, name, s, "") })
	}
}

// TestKeepalived_InScenarios runs scenarios with keepalived as one director.
func TestKeepalived_InScenarios(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root, lab.Tool("keepalived"))
	all := duels[:1]
	if *full {
		all = duels
	}
	for _, d := range all {
		s := read(t, d[0])
		t.Run(d[0]+" with keepalived as "+d[1], func(t *testing.T) { perform(t, d[0], s, d[1]) })
	}
}

// perform runs a scenario and notes what came of it.
func perform(t *testing.T, name string, s *sim.Scenario, foreign string) {
	t.Parallel()
	began := time.Now()
	st := newStage(t, s, foreign)
	t.Cleanup(func() {
		verdict := fmt.Sprintf("passed in %.1f s", time.Since(began).Seconds())
		if t.Failed() {
			verdict = "**failed**"
		}
		results.add(name, foreign, verdict)
	})
	st.run()
}

// results are the rows of the page.
var results table

type table struct {
	mu   sync.Mutex
	rows [][3]string
}

func (r *table) add(name, foreign, verdict string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, [3]string{name, foreign, verdict})
}

// TestMain writes the page when everything has run.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if *page != "" {
		if err := os.WriteFile(*page, []byte(results.text()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func (r *table) text() string {
	var b strings.Builder
	b.WriteString("# Scenarios for real\n\nWritten by `make worlds`: scenarios of `testdata/scenarios` with the built binary in network namespaces.\n\n")
	b.WriteString("| scenario | keepalived instead of | result |\n|---|---|---|\n")
	slices.SortFunc(r.rows, func(a, b [3]string) int { return slices.Compare(a[:], b[:]) })
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", row[0], row[1], row[2])
	}
	return b.String()
}
