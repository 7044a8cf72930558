package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vipd/vipd/conf"
)

var (
	scripts = flag.Int("scripts", 600, "how many random scripts TestScripts runs")
	first   = flag.Uint64("first", 1, "first configuration of TestScripts")
	each    = flag.Int("each", 40, "how many of the scripts run on the same configuration")
	page    = flag.String("page", "", "write what TestScripts ran into this file, if nothing broke")
	commit  = flag.String("commit", "", "commit to name there")
	keep    = flag.String("keep", "../../testdata/scenarios", "directory for the scenario that a failing script is cut down to")
)

// drawn returns the simulation of a random configuration.
func drawn(t *testing.T, seed uint64) (*Simulation, string) {
	t.Helper()
	text, changed := draw(seed)
	o := conf.Options{
		Program: options.Program,
		Read:    func(string) ([]byte, error) { return []byte(text), nil },
	}
	directors, diags := Load([]string{"vipd.hcl"}, o)
	if diags.HasErrors() {
		var b strings.Builder
		diags.Write(&b)
		t.Fatalf("configuration %d: %s\n%s", seed, b.String(), text)
	}
	s := New(directors, o)
	s.changes, s.files = []string{"changed.hcl"}, map[string][]byte{"changed.hcl": []byte(changed)}
	return s, text
}

// scenario is the whole text of a scenario file for a failure.
func scenario(s *Simulation, f *Failure, text string) []byte {
	return fmt.Appendf(nil, "# Found by random script %d: %s\n%s-- vipd.hcl --\n%s-- changed.hcl --\n%s",
		f.Seed, f.Report.Broken[0], f.Script, text, s.files["changed.hcl"])
}

// batch is the scripts of one configuration.
type batch struct {
	seed       uint64
	simulation *Simulation
	text       string
	digest     string
	failure    *Failure
}

func (b *batch) run() (err error) {
	b.digest, b.failure, err = b.simulation.Random(*each, b.seed*1_000_000, nil)
	return err
}

// chunk is how many batches are run side by side and then counted in order.
const chunk = 50

// TestScripts runs random scripts of faults on random configurations: no
// invariant breaks. A script that breaks one is cut down to what it takes and
// kept as a scenario, which fails until the cause is found. `make scripts` runs
// a million.
func TestScripts(t *testing.T) {
	t.Parallel()
	all, began := sha256.New(), time.Now()
	total := uint64((*scripts + *each - 1) / *each)
	for from := uint64(0); from < total; from += chunk {
		var batches []*batch
		var work errgroup.Group
		work.SetLimit(runtime.GOMAXPROCS(0))
		for i := from; i < min(from+chunk, total); i++ {
			b := &batch{seed: *first + i}
			b.simulation, b.text = drawn(t, b.seed)
			batches = append(batches, b)
			work.Go(b.run)
		}
		if err := work.Wait(); err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if b.failure != nil {
				b.keep(t)
			}
			fmt.Fprintln(all, b.seed, b.digest)
		}
		if total > chunk {
			t.Logf("%d scripts, digest %s", (batches[len(batches)-1].seed-*first+1)*uint64(*each), sumText(all))
		}
	}
	t.Logf("%d scripts from configuration %d on, digest %s", total*uint64(*each), *first, sumText(all))
	if *page != "" && !t.Failed() {
		text := fmt.Sprintf("# Random scripts and explored paths\n\nMade by `make scripts` at commit %s in %s: nothing below broke an invariant.\n\n"+
			"| | |\n|---|---|\n| random scripts | %d |\n| on configurations | %d to %d |\n| digest of all runs | `%s` |\n",
			*commit, time.Since(began).Round(time.Second), total*uint64(*each), *first, *first+total-1, sumText(all))
		if err := os.WriteFile(*page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// keep keeps the script that failed as a scenario.
func (b *batch) keep(t *testing.T) {
	t.Helper()
	path := filepath.Join(*keep, fmt.Sprintf("found-%d.txtar", b.failure.Seed))
	if err := os.WriteFile(path, scenario(b.simulation, b.failure, b.text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Errorf("script %d breaks %q, kept as %s", b.failure.Seed, b.failure.Report.Broken, path)
}

func sumText(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }
