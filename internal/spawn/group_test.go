package spawn

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// TestEndOfWhatHasEnded: a program that has ended by itself was in time, also
// when its time is over before its status is taken.
func TestEndOfWhatHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "true")
	var g Group
	ended := make(chan struct{})
	cmd.Cancel = func() error {
		<-ended
		return g.End(cmd.Process.Pid, time.Minute)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitExit(cmd.Process.Pid)
	cancel() // the time is over
	g.mu.Lock()
	g.over = true // as Wait sets it
	g.mu.Unlock()
	close(ended)
	if err := g.Wait(cmd); err != nil {
		t.Errorf("it is said to have failed: %v", err)
	}
}
