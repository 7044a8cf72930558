package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/golden"
)

// badOptions are those that all of testdata/bad is read with.
func badOptions() Options {
	return Options{
		Hostname: "lb1.example.com",
		Env:      func(string) (string, bool) { return "", false },
		Program: func(path string) error {
			if strings.HasPrefix(path, "/bin/") {
				return nil
			}
			return fmt.Errorf("program %s does not exist", path)
		},
	}
}

// TestBad compares all that is said about every file of testdata/bad, one
// file per mistake, with the text beside it.
func TestBad(t *testing.T) {
	t.Chdir(filepath.Join("..", "testdata", "bad"))
	names, err := filepath.Glob("*.hcl")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(name, ".hcl"), func(t *testing.T) {
			c, diags := Load([]string{name}, badOptions())
			if (c == nil) != diags.HasErrors() {
				t.Errorf("configuration is nil: %v, errors: %v", c == nil, diags.HasErrors())
			}
			if len(diags) == 0 {
				t.Error("nothing is wrong with the file")
			}
			golden.Compare(t, strings.TrimSuffix(name, ".hcl")+".txt", text(t, diags))
		})
	}
}

// TestBadOrphans finds expected outputs whose file is gone.
func TestBadOrphans(t *testing.T) {
	outputs, err := filepath.Glob(filepath.Join("..", "testdata", "bad", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range outputs {
		if _, err := os.Stat(strings.TrimSuffix(name, ".txt") + ".hcl"); err != nil {
			t.Error(err)
		}
	}
}
