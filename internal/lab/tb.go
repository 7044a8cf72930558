package lab

import (
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"github.com/vishvananda/netns"
)

// TB is the part of *testing.T that a lab needs; a program may bring its own.
// Fatalf and Skipf must not return.
type TB interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// Requirement says what is missing on this machine, "" when nothing is.
type Requirement func() string

// SkipMark starts the text of every skip, so that a run of the tests can count
// them and fail on those it does not expect.
const SkipMark = "LAB-SKIP: "

// Need skips the test, loudly, unless all requirements are met.
func Need(tb TB, needs ...Requirement) {
	tb.Helper()
	for _, need := range needs {
		if missing := need(); missing != "" {
			tb.Skipf("%sneeds %s", SkipMark, missing)
		}
	}
}

// Root requires the right to make network namespaces.
func Root() string {
	errs := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ns, err := netns.New()
		if err == nil {
			err = ns.Close()
		}
		errs <- err
	}()
	if err := <-errs; err != nil {
		return fmt.Sprintf("the right to make network namespaces, run as root (%v)", err)
	}
	return ""
}

// Tool requires a program in PATH.
func Tool(name string) Requirement {
	return func() string {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Sprintf("the program %s, install it or run `make deps`", name)
		}
		return ""
	}
}

// pollEvery is how often WaitFor and Steady look.
const pollEvery = 10 * time.Millisecond

// WaitFor polls until cond returns nil and returns how long that took. When it
// does not within the given time, the test ends with cond's last error.
func WaitFor(tb TB, what string, within time.Duration, cond func() error) time.Duration {
	tb.Helper()
	start := time.Now()
	for {
		err := cond()
		took := time.Since(start)
		if err == nil {
			return took
		}
		if took > within {
			tb.Fatalf("waited %v for: %s; last seen: %v", within, what, err)
		}
		time.Sleep(pollEvery)
	}
}

// Steady polls for the whole time and ends the test as soon as cond fails.
func Steady(tb TB, what string, during time.Duration, cond func() error) {
	tb.Helper()
	for start := time.Now(); time.Since(start) < during; time.Sleep(pollEvery) {
		if err := cond(); err != nil {
			tb.Fatalf("for %v should hold: %s; after %v: %v", during, what, time.Since(start).Round(time.Millisecond), err)
		}
	}
}
