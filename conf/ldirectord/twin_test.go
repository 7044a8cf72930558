package ldirectord

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// unshown are the directives that no twin shows, each with the reason.
var unshown = map[string]string{
	"virtual/database": "the drivers of databases are no part of the lab, and without them ldirectord ends at the first check",
}

// everyDirective lists all directives, those of a virtual server with "virtual/".
func everyDirective() []string {
	out := []string{"virtual", "virtual6", "virtual/real", "virtual/real6"}
	for key, d := range directives {
		if d.global {
			out = append(out, key)
		}
		if d.virtual {
			out = append(out, "virtual/"+key)
		}
	}
	return slices.Sorted(slices.Values(out))
}

// TestTwinsCoverDirectives: every directive occurs in a configuration that runs
// under ldirectord and vipd, or stands in the table of those that cannot.
func TestTwinsCoverDirectives(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "twin", "ld-*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d twins, %v", len(names), err)
	}
	used := map[string]bool{}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(used, directivesOf(archive))
	}
	for _, key := range everyDirective() {
		switch why := unshown[key]; {
		case used[key] && why != "":
			t.Errorf("%s is said to be in no twin, but it is", key)
		case !used[key] && why == "":
			t.Errorf("%s is in no configuration of testdata/twin, and nothing says why", key)
		}
	}
}

// directivesOf are the directives in the files that a twin starts with, reloads
// or executes.
func directivesOf(archive *txtar.Archive) map[string]bool {
	used := map[string]bool{}
	for _, f := range archive.Files {
		if !strings.HasSuffix(strings.TrimSuffix(f.Name, ".vipd"), ".cf") {
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			key, _, is := strings.Cut(strings.TrimRight(line, "\n"), "=")
			body := strings.TrimSpace(key)
			if is && body != strings.TrimRight(key, " ") {
				body = "virtual/" + body
			}
			used[body] = is || used[body]
		}
	}
	return used
}
