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
	s := listenSignals(true)
	defer s.close()
	for _, sig := range dumpSignals {
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

// TestUpgradeSignal: outside of keepalived's command line SIGUSR2 is an upgrade.
func TestUpgradeSignal(t *testing.T) {
	s := listenSignals(false)
	defer s.close()
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.upgrade:
	case <-time.After(5 * time.Second):
		t.Error("SIGUSR2 does not arrive")
	}
}
