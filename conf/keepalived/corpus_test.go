package keepalived

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf"
)

// corpusVariable names the environment variable with a directory of foreign
// configurations: folders samples and wild, each with an oracle.tsv of file,
// exit status of `keepalived -t` and messages. Without it the tests over them
// are skipped.
const corpusVariable = "VIPD_CORPUS"

// keepalived's verdicts.
const (
	verdictOK       = "0"
	verdictFatal    = "2"
	verdictRemarks  = "5"
	verdictInsecure = "6"
)

// outside is a machine that has every program.
func outside() conf.Options {
	return conf.Options{
		Hostname: "lb1.example.com",
		Env:      func(string) (string, bool) { return "", false },
		Program:  func(string) error { return nil },
	}
}

// verdicts returns the oracle's exit status by file.
func verdicts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	corpusDir := os.Getenv(corpusVariable)
	if corpusDir == "" {
		t.Skip(corpusVariable + " is not set")
	}
	for _, dir := range []string{"samples", "wild"} {
		f, err := os.Open(filepath.Join(corpusDir, dir, "oracle.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			col := strings.Split(lines.Text(), "\t")
			if len(col) > 1 && col[0] != "file" {
				out[filepath.Join(corpusDir, dir, col[0])] = col[1]
			}
		}
	}
	return out
}

// TestCorpusAtLeastAsLenient: what keepalived runs is run, unless the reason is
// one of those that are stricter on purpose.
func TestCorpusAtLeastAsLenient(t *testing.T) {
	refused := map[string]int{}
	usable := 0
	for file, verdict := range verdicts(t) {
		cfg, diags := Load([]string{file}, outside())
		if (cfg == nil) != diags.HasErrors() {
			t.Errorf("%s: configuration is nil: %v, errors: %v", file, cfg == nil, diags.HasErrors())
		}
		if cfg != nil {
			usable++
			continue
		}
		for _, d := range diags {
			if d.Severity == conf.Error && verdict != verdictFatal {
				refused[d.Code]++
				t.Logf("%s:%d [%s] %s: %s", filepath.Base(file), d.Line, verdict, d.Code, d.Summary)
			}
		}
	}
	t.Logf("usable %d; refused: %v", usable, refused)
}
