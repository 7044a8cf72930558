package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Signals are taken care of before any other package of ours or of others that
// needs as much as os/signal is set up. The test binary imports what vipd does.
func TestHangUpsAreIgnoredFirst(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, after, found := strings.Cut(string(out), "\ninit os/signal ")
	if !found {
		t.Fatalf("os/signal is not set up:\n%s", out)
	}
	next := strings.Split(after, "\n")[1]
	if !strings.HasPrefix(next, "init github.com/vipd/vipd/internal/hangup ") {
		t.Errorf("after os/signal comes %q", next)
	}
}
