package track

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/conf"
)

// initial are the namespaces whose processes the kernel tells of
// (include/linux/proc_ns.h, PROC_USER_INIT_INO and PROC_PID_INIT_INO).
var initial = map[string]string{"user": "user:[4026531837]", "pid": "pid:[4026531836]"}

// permitted reports whether the kernel tells this process of others.
func permitted(t *testing.T) bool {
	t.Helper()
	for name, want := range initial {
		got, err := os.Readlink("/proc/self/ns/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			return false
		}
	}
	return os.Geteuid() == 0
}

// watch observes a process, of that argument and no other, and begins and ends
// it.
func watch(t *testing.T, argument string, interval time.Duration, changes func(context.Context) <-chan struct{}) {
	t.Helper()
	o := &processObserver{TrackProcess: conf.TrackProcess{Name: "sleeper", Program: "sleep", Args: []string{argument}, Quorum: 1}}
	ctx, cancel := context.WithCancel(context.Background())
	results, done := make(chan string, 1000), make(chan struct{})
	go func() {
		defer close(done)
		o.look(ctx, interval, changes(ctx), func(r result) { results <- r.detail })
	}()
	defer func() { cancel(); <-done }()
	await := func(want string) {
		t.Helper()
		for deadline := time.After(20 * time.Second); ; {
			select {
			case got := <-results:
				if strings.HasPrefix(got, want) {
					return
				}
			case <-deadline:
				t.Fatalf("%q is never told", want)
			}
		}
	}
	await("0 of 1")
	cmd := exec.Command("sleep", argument)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await("1 of 1")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	await("0 of 1")
}

// Where the kernel tells of processes, a change is seen without polling; where
// it does not, polling sees it.
func TestProcessChanges(t *testing.T) {
	t.Parallel()
	interval := 50 * time.Millisecond
	if permitted(t) {
		interval = time.Hour
	}
	watch(t, "600.25", interval, func(ctx context.Context) <-chan struct{} { return processChanges(ctx, conf.Buffer{}) })
}

// Inside a network namespace of its own the kernel tells nothing, which is no
// error.
func TestProcessChangesInNamespace(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	watch(t, "600.75", 50*time.Millisecond, func(ctx context.Context) <-chan struct{} {
		opened := make(chan (<-chan struct{}))
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				t.Error(err)
			}
			opened <- processChanges(ctx, conf.Buffer{})
		}()
		return <-opened
	})
}
