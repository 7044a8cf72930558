package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf"
)

var (
	scripts = flag.Int("scripts", 600, "how many random scripts TestScripts runs")
	first   = flag.Uint64("first", 1, "first configuration of TestScripts")
	each    = flag.Int("each", 40, "how many of the scripts run on the same configuration")
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

// TestScripts runs random scripts of faults on random configurations: no
// invariant breaks. A script that breaks one is cut down to what it takes and
// kept as a scenario, which fails until the cause is found. `make scripts` runs
// a million.
func TestScripts(t *testing.T) {
	t.Parallel()
	all := sha256.New()
	for i := range uint64((*scripts + *each - 1) / *each) {
		seed := *first + i
		s, text := drawn(t, seed)
		digest, f, err := s.Random(*each, seed*1_000_000, nil)
		if err != nil {
			t.Fatal(err)
		}
		if f != nil {
			path := filepath.Join(*keep, fmt.Sprintf("found-%d.txtar", f.Seed))
			if err := os.WriteFile(path, scenario(s, f, text), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Errorf("script %d breaks %q, kept as %s", f.Seed, f.Report.Broken, path)
			continue
		}
		fmt.Fprintln(all, seed, digest)
		if (i+1)%50 == 0 {
			t.Logf("%d scripts, digest %s", (i+1)*uint64(*each), hex.EncodeToString(all.Sum(nil)[:8]))
		}
	}
	t.Logf("%d scripts from configuration %d on, digest %s", *scripts, *first, hex.EncodeToString(all.Sum(nil)[:8]))
}
