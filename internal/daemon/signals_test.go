package daemon

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestKeepalived_SignalsDump: what monitoring scripts send to keepalived must
// not end the daemon.
func TestKeepalived_SignalsDump(t *testing.T) {
	s := listenSignals()
	defer s.close()
	for _, sig := range append([]os.Signal{syscall.SIGUSR1}, dumpLikewise...) {
		if err := syscall.Kill(os.Getpid(), sig.(syscall.Signal)); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-s.dump:
			if got != sig {
				t.Errorf("got %v, want %v", got, sig)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%v does not arrive", sig)
		}
	}
}
