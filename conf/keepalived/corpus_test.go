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

const (
	// leastFiles is how many files make a collection, and leastUsable how many
	// of a hundred must be usable: the rest are templates with words in the
	// place of addresses, and files for kernel features that are rejected.
	leastFiles  = 50
	leastUsable = 70
)

// outside is a machine that has every program and user, but not the one that runs
// them where none is named.
func outside() conf.Options {
	return conf.Options{
		Hostname: "lb1.example.com",
		Env:      func(string) (string, bool) { return "", false },
		Program:  func(string) error { return nil },
		Account:  func(name string) bool { return name != UsualScriptUser },
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

// stricter are the mistakes for which a file is refused that keepalived runs,
// each with the reason.
var stricter = map[string]string{
	"bad_address":    "nobody would hold the address that is meant: keepalived skips it",
	"missing_value":  "an instance without its virtual_router_id is skipped there, and its addresses with it",
	"duplicate_vrid": "two instances of one interface with one VRID take each other's adverts for their own",
	"missing_port":   "a check without a port never succeeds: its real server never serves",
	"not_supported":  "what the table of keywords rejects, and says why",
}

// TestCorpusAtLeastAsLenient: what keepalived runs is run, unless the reason is
// one of those that are stricter on purpose. Remarks alone refuse nothing.
func TestCorpusAtLeastAsLenient(t *testing.T) {
	files, usable := 0, 0
	for file, verdict := range verdicts(t) {
		if _, err := os.Stat(file); err != nil {
			continue // the list of verdicts is longer than the collection
		}
		files++
		cfg, diags := Load([]string{file}, outside())
		if (cfg == nil) != diags.HasErrors() {
			t.Errorf("%s: configuration is nil: %v, errors: %v", file, cfg == nil, diags.HasErrors())
		}
		if cfg != nil {
			usable++
			writtenAndRead(t, file, cfg)
			continue
		}
		for _, d := range diags {
			if d.Severity == conf.Error && verdict != verdictFatal && (stricter[d.Code] == "" || d.File == "" || d.Line == 0) {
				t.Errorf("%s:%d keepalived says %s, we refuse it: %s: %s", d.File, d.Line, verdict, d.Code, d.Summary)
			}
		}
	}
	if files < leastFiles || usable*100 < files*leastUsable {
		t.Errorf("%d of %d files are usable", usable, files)
	}
	t.Logf("%d of %d files are usable", usable, files)
}

// writtenAndRead checks that a configuration, written in vipd's own language,
// is read as what it was.
func writtenAndRead(t *testing.T, file string, cfg *conf.Config) {
	t.Helper()
	text := conf.Write([]conf.Node{{Name: cfg.Director, Config: cfg}})
	o := outside()
	o.Read = func(string) ([]byte, error) { return text, nil }
	switch got, diags := conf.Load([]string{"converted.hcl"}, o); {
	case got == nil:
		t.Errorf("%s: what is written cannot be read: %v\n%s", file, diags, text)
	case !conf.Same(cfg, got):
		t.Errorf("%s: what is written means something else\n%s", file, text)
	}
}

// TestTwinsAreWritten does so with all configurations that run under keepalived
// and vipd.
func TestTwinsAreWritten(t *testing.T) {
	for name, archive := range twins(t) {
		o, files := twinOptions(archive)
		if files["keepalived.conf"] == nil {
			continue
		}
		cfg, diags := Load([]string{"keepalived.conf"}, o)
		if cfg == nil {
			t.Errorf("%s: %v", name, diags)
			continue
		}
		writtenAndRead(t, name, cfg)
	}
}
