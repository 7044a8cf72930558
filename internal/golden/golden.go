// Package golden compares what tests produce with files that hold what is
// expected. With the flag -update of `go test` the files are written anew.
package golden

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the files of expected output anew")

// Update reports whether expected output is to be written anew.
func Update() bool { return *update }

// Write writes an expected output.
func Write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Compare fails the test where got differs from the file, or writes the file.
func Compare(t testing.TB, name, got string) {
	t.Helper()
	if *update {
		Write(t, name, got)
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), run with -update if the change is meant:\n%s", name, diff)
	}
}
