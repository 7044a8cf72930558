package keepalived

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/conf/conftest"
)

// How many accidents each file has, and how long reading may take at most: a
// machine may be busy, and a loop never ends.
const (
	accidents = 6
	readBound = time.Minute
)

// damageSeeds are the texts of all twins and good files by name, and of the corpus
// where there is one, by absolute path.
func damageSeeds(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, archive := range twins(t) {
		_, files := twinOptions(archive)
		if text, is := files["keepalived.conf"]; is {
			out[name] = string(text)
		}
	}
	patterns := []string{filepath.Join("..", "..", "testdata", "keepalived", "*.conf")}
	if dir := os.Getenv(corpusVariable); dir != "" {
		patterns = append(patterns, filepath.Join(dir, "samples", "*.conf*"), filepath.Join(dir, "wild", "*.conf"))
	}
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = string(text)
		}
	}
	return out
}

// TestDamagedFiles: whatever happens to a file, it is read to the end, and it is
// usable, or every reason why not has its file and line. What is usable of our own
// files can be written.
func TestDamagedFiles(t *testing.T) {
	refused, read := 0, 0
	for name, text := range damageSeeds(t) {
		for i, damaged := range conftest.Damaged(text, 1, accidents) {
			start := time.Now()
			cfg, diags := Load([]string{"keepalived.conf"}, reading(damaged))
			if took := time.Since(start); took > readBound {
				t.Errorf("%s: accident %d: reading takes %v", name, i, took)
			}
			if (cfg == nil) != diags.HasErrors() {
				t.Errorf("%s: accident %d: configuration is nil: %v, errors: %v", name, i, cfg == nil, diags.HasErrors())
			}
			for _, d := range diags {
				if d.Severity == conf.Error && (d.File == "" || d.Line == 0) {
					t.Errorf("%s: accident %d: no place: %+v\n%s", name, i, d, damaged)
				}
			}
			if read++; cfg == nil {
				refused++
				continue
			}
			if !filepath.IsAbs(name) {
				writtenAndRead(t, name, cfg)
			}
		}
	}
	if refused == 0 || refused == read {
		t.Errorf("%d of %d files are refused", refused, read)
	}
}

// reading are the options of a machine with one file.
func reading(text string) conf.Options {
	o := outside()
	o.Read = func(name string) ([]byte, error) {
		if name != "keepalived.conf" {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	}
	o.Glob = func(string) ([]string, error) { return nil, nil }
	return o
}
