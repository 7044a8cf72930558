package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What elections depend on shows in a plan.
func TestPlanElections(t *testing.T) {
	load := func(text string) *Config {
		t.Helper()
		name := filepath.Join(t.TempDir(), "vipd.hcl")
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c, diags := Load([]string{name}, badOptions())
		if c == nil {
			t.Fatal(diags)
		}
		return c
	}
	have := load(trackFileText)
	want := load(strings.NewReplacer(
		"fall = 3", "fall = 4", `["/bin/true", "up"]`, `["/bin/true"]`,
		`track "process" "haproxy" {}`, `track "file" "other" {}`, `track_process "haproxy" {`, `track_file "other" { path = "/run/other" }`,
		"  program = \"haproxy\"\n  arguments = [\"-W\"]\n  quorum = 2\n}\n", "",
	).Replace(trackFileText))
	var got []string
	for _, c := range ComparePlan(have, want, Live{}).Changed() {
		line := c.String()
		if c.Object == "vrrp_sync_group" {
			line, _, _ = strings.Cut(line, ":")
		}
		got = append(got, line)
	}
	expect := []string{
		"retune vrrp_sync_group edge", "retune track_script chk: fall 3 → 4; its last verdict stands until there is another",
		"add track_file other: its first verdict counts", "remove track_process haproxy: nothing depends on it any more",
		"retune notify web: master /bin/true up → /bin/true; counts from the next change of state on",
	}
	if diff := cmp.Diff(expect, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if changed := ComparePlan(have, have, Live{}).Changed(); len(changed) > 0 {
		t.Errorf("nothing differs: %v", changed)
	}
}
