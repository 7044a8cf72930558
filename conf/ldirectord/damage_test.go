package ldirectord

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
	accidents = 60
	readBound = time.Minute
)

// TestDamagedFiles: whatever happens to a file, it is read to the end, and it is
// usable, or every reason why not has its file and line.
func TestDamagedFiles(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "ldirectord", "*.cf"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	refused, read := 0, 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, damaged := range conftest.Damaged(string(text), 1, accidents) {
			start := time.Now()
			cfg, diags := Load([]string{"a.cf"}, only(damaged))
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
			}
		}
	}
	if refused == 0 || refused == read {
		t.Errorf("%d of %d files are refused", refused, read)
	}
}
