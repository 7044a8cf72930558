package daemon

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/conf"
)

// TestCareFor: name, niceness, processors and memory, in a process of its own.
func TestCareFor(t *testing.T) {
	const inside = "VIPD_TEST_CARE"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCareFor$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	first := 0
	for !before.IsSet(first) {
		first++
	}
	if err := careFor(conf.Process{Name: "keepalived_vrrp", Nice: 3, CPUs: []int{first}}); err != nil {
		t.Fatal(err)
	}
	if name, err := os.ReadFile("/proc/self/comm"); err != nil || strings.TrimSpace(string(name)) != "keepalived_vrrp" {
		t.Errorf("name %q, %v", name, err)
	}
	// The system call tells 20 less than the niceness, the other way round.
	if n, err := unix.Getpriority(unix.PRIO_PROCESS, os.Getpid()); err != nil || 20-n != 3 {
		t.Errorf("niceness %d, %v", 20-n, err)
	}
	var now unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &now); err != nil || now.Count() != 1 || !now.IsSet(first) {
		t.Errorf("processors %v, %v", now, err)
	}
	if err := careFor(conf.Process{}); err != nil {
		t.Errorf("nothing asked for: %v", err)
	}
}

// TestCareForThreadsThatAppear: while threads are made all the time, none escapes.
// In a process of its own.
func TestCareForThreadsThatAppear(t *testing.T) {
	const inside = "VIPD_TEST_CARE_THREADS"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCareForThreadsThatAppear$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	var made sync.WaitGroup
	release := make(chan struct{})
	for range 5 {
		made.Go(func() {
			for range 20 {
				go func() {
					runtime.LockOSThread() // the runtime has to make another thread
					<-release
				}()
				runtime.Gosched()
			}
		})
	}
	if err := careFor(conf.Process{Nice: 4}); err != nil {
		t.Fatal(err)
	}
	made.Wait()
	defer close(release)
	different, err := eachThread(func(tid int) (bool, error) {
		n, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
		return 20-n != 4, err
	})
	if err != nil || different > 0 {
		t.Errorf("%d threads have another niceness, %v", different, err)
	}
}

// TestRouterIsLocked: the router's memory stays out of the swap, and a thread in
// real time may be bounded. In a process of its own.
func TestRouterIsLocked(t *testing.T) {
	const inside = "VIPD_TEST_LOCKED"
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRouterIsLocked$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := protectRouter(); err != nil {
		t.Log(err) // a right may be missing
	}
	if err := careFor(conf.Process{RunLimit: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil || !regexp.MustCompile(`VmLck:\s+[1-9]`).Match(status) {
		t.Errorf("%v\n%s", err, status)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTTIME, &limit); err != nil || limit.Cur != 20_000 || limit.Max != 20_000 {
		t.Errorf("%+v, %v", limit, err)
	}
}
