package daemon

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The guard of a daemon that has stopped cleanly holds the lock for the moment
// in which it finds that there is nothing to do: a start waits for it.
func TestStartWaitsForTheGuardOfACleanStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	guard, err := flock(filepath.Join(dir, instanceLock), unix.LOCK_EX)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(3 * lockRetry)
		guard.Close()
	}()
	lock, pidErr, err := lockInstance(dir)
	if err != nil || pidErr != nil {
		t.Fatalf("%v, %v", pidErr, err)
	}
	lock.Close()
}
