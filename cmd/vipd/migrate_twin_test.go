package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// leastTwins is how many configurations the folder of twins must have.
const leastTwins = 60

// TestMigrateTwins converts every configuration that runs under its original and
// under vipd, those of reloads, too: what is written means the same as what was
// read, else migrate refuses to write it.
func TestMigrateTwins(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "twin", "*.txtar"))
	if err != nil || len(names) < leastTwins {
		t.Fatalf("%d twins, %v", len(names), err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(archive.Comment, []byte("Not converted: ")) {
			continue
		}
		dir := t.TempDir()
		files := map[string][]byte{}
		for _, f := range archive.Files {
			files[f.Name] = bytes.ReplaceAll(f.Data, []byte("LAB"), []byte(dir))
		}
		for _, f := range archive.Files {
			if strings.Contains(f.Name, " ") || !strings.Contains(f.Name, ".") {
				continue
			}
			path := filepath.Join(dir, f.Name)
			if err := os.WriteFile(path, files[f.Name], 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range archive.Files {
			verb, file, _ := strings.Cut(f.Name, " ")
			switch {
			case f.Name == "keepalived.conf", f.Name == "ldirectord.cf", f.Name == "ldirectord.cf.vipd":
				file = f.Name
			case verb != "reload" && verb != "rewrite" || files[file] == nil:
				continue
			}
			text, report, code := migrate(t, filepath.Join(dir, file))
			if code != 0 || text == "" {
				t.Errorf("%s of %s: exit %d\n%s", file, name, code, report)
			}
		}
	}
}
