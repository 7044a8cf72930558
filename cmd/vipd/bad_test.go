package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vipd/vipd/internal/daemon"
)

// TestBadFilesStartNothing: a file that cannot be used, in whichever language, is
// refused before anything is started or written.
func TestBadFilesStartNothing(t *testing.T) {
	refused := 0
	for _, folder := range []string{"bad/*.hcl", "keepalived/bad/*.conf", "ldirectord/bad/*.cf"} {
		names, err := filepath.Glob(filepath.Join("..", "..", "testdata", folder))
		if err != nil || len(names) == 0 {
			t.Fatalf("no files in %s: %v", folder, err)
		}
		for _, name := range names {
			if cfg, _ := daemon.LoadConfig([]string{name}, "", ""); cfg != nil {
				continue // usable here, with remarks
			}
			refused++
			dir := t.TempDir()
			file := func(name string) string { return filepath.Join(dir, name) }
			dirs := []string{"--runtime-dir", file("run"), "--state-dir", file("state")}
			if code := execute(append([]string{"run", "-f", name}, dirs...)); code == 0 {
				t.Errorf("run -f %s exits 0", name)
			}
			if filepath.Ext(name) == ".conf" {
				pids := []string{"-p", file("all.pid"), "-r", file("vrrp.pid"), "-c", file("check.pid")}
				if code := execute(append(append([]string{"keepalived", "-n", "-f", name}, dirs...), pids...)); code == 0 {
					t.Errorf("keepalived -f %s exits 0", name)
				}
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%s leaves %v behind, %v", name, left, err)
			}
		}
	}
	if refused < 100 {
		t.Errorf("only %d files are refused", refused)
	}
}
