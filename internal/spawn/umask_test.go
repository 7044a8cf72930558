package spawn

import (
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestKeepalived_ProgramUmask: programs have their own umask, and nothing else
// changes: not that of this process, whichever thread looks.
func TestKeepalived_ProgramUmask(t *testing.T) {
	own := syscall.Umask(0o022)
	defer syscall.Umask(own)
	defer programs.Store(nil)
	run := func() string {
		var out strings.Builder
		cmd := exec.Command("/bin/sh", "-c", "umask")
		cmd.Stdout = &out
		if err := Start(cmd); err != nil {
			return err.Error()
		}
		if err := cmd.Wait(); err != nil {
			return err.Error()
		}
		return strings.TrimSpace(out.String())
	}
	if got := run(); got != "0022" {
		t.Errorf("%s where nothing is said", got)
	}
	SetUmask(0o177)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := run(); got != "0177" {
				t.Errorf("%s, want 0177", got)
			}
			if now := syscall.Umask(0o022); now != 0o022 {
				t.Errorf("that of this process is %#o", now)
			}
		})
	}
	all.Wait()
	cmd := exec.Command("/no/such/program")
	if err := Start(cmd); err == nil {
		t.Error("a program that is not there is started")
	}
}
