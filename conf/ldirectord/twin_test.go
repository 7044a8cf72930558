package ldirectord

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/vipd/vipd/conf"
)

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

// twins are the names of the cases that run under ldirectord and vipd with each
// directive.
func twins(t *testing.T) map[string][]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "twin", "ld-*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d twins, %v", len(names), err)
	}
	out := map[string][]string{}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for key := range directivesOf(t, archive) {
			out[key] = append(out[key], strings.TrimSuffix(filepath.Base(name), ".txtar"))
		}
	}
	return out
}

// TestTwinsCoverDirectives: every directive occurs in a configuration that runs
// under ldirectord and vipd, wherever it may stand.
func TestTwinsCoverDirectives(t *testing.T) {
	shown := twins(t)
	for _, key := range everyDirective() {
		if len(shown[key]) == 0 {
			t.Errorf("%s is in no configuration of testdata/twin", key)
		}
	}
}

// directivesOf are the directives that the reader finds in the files that a twin
// starts with, changes to or executes.
func directivesOf(t *testing.T, archive *txtar.Archive) map[string]bool {
	t.Helper()
	read := map[string]bool{"ldirectord.cf": true, "ldirectord.cf.vipd": true}
	for _, f := range archive.Files {
		if verb, name, _ := strings.Cut(f.Name, " "); verb == "reload" || verb == "rewrite" {
			read[name] = true
		}
	}
	used := map[string]bool{}
	for _, f := range archive.Files {
		if !read[f.Name] {
			continue
		}
		r, all := &report{}, newBlock(conf.Origin{})
		note(r.parse(f.Name, string(f.Data), all), used)
		for key := range all.set {
			used[key] = true
		}
		for _, other := range all.executes { // a file that comes later
			used["execute"], read[filepath.Base(other.text)] = true, true
		}
		if r.diags.HasErrors() {
			t.Errorf("%s: %v", f.Name, r.diags)
		}
	}
	return used
}

// note notes the directives of virtual servers.
func note(blocks []*block, used map[string]bool) {
	for _, b := range blocks {
		used["virtual"], used["virtual6"] = used["virtual"] || !b.six, used["virtual6"] || b.six
		for key := range b.set {
			used["virtual/"+key] = true
		}
		for _, six := range b.real6 {
			used["virtual/"+map[bool]string{false: "real", true: "real6"}[six]] = true
		}
	}
}
