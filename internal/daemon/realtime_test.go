package daemon

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Every thread gets the priority, those that the runtime makes later as well,
// and gives it back.
func TestRealTimeReachesEveryThread(t *testing.T) {
	err := setRealTime(1)
	if errors.Is(err, unix.EPERM) {
		t.Logf("not permitted here: %v", err)
		expectPolicy(t, policyOrdinary, 0)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer setRealTime(0)
	expectPolicy(t, policyRoundRobin, 1)

	release := make(chan struct{})
	var locked, ended sync.WaitGroup
	for range 10 {
		locked.Add(1)
		ended.Go(func() {
			runtime.LockOSThread() // the runtime has to make another thread
			defer runtime.UnlockOSThread()
			locked.Done()
			<-release
		})
	}
	locked.Wait()
	expectPolicy(t, policyRoundRobin, 1)
	close(release)
	ended.Wait()
	if err := setRealTime(0); err != nil {
		t.Fatal(err)
	}
	expectPolicy(t, policyOrdinary, 0)
}

// expectPolicy checks all threads of this process.
func expectPolicy(t *testing.T, policy uint32, priority uint32) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		have, err := unix.SchedGetAttr(tid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if have.Policy != policy || have.Priority != priority {
			t.Errorf("thread %d of %d: policy %d, priority %d; want %d, %d", tid, len(tasks), have.Policy, have.Priority, policy, priority)
		}
	}
}
