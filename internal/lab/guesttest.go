package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// passEnv are the variables that a guest inherits.
var passEnv = []string{BinaryEnv, KeepEnv}

// Guest returns true where the kernel has IPVS: the test goes on. Elsewhere it
// boots a guest, runs the calling top-level test of the same test binary in
// it, reports the subtests' results there as subtests here, and returns false.
// One boot takes seconds, so a package gathers its guest tests as subtests of
// one test:
//
//	func TestGuest(t *testing.T) {
//		if !lab.Guest(t) {
//			return
//		}
//		t.Run("Quiescent", testQuiescent)
//	}
//
// A binary built with -race does not start in a guest.
func Guest(t *testing.T) bool {
	t.Helper()
	if os.Getenv(GuestEnv) != "" || HasIPVS() {
		Need(t, Root)
		return true
	}
	Need(t, Root, NoRace, GuestKernel)
	if err := runTestInGuest(t); err != nil {
		t.Errorf("run test in guest: %v", err)
	}
	return false
}

// NoRace requires a binary without the race detector.
func NoRace() string {
	if raceEnabled {
		return "a test binary built without -race"
	}
	return ""
}

// runTestInGuest runs the top-level test t in a guest.
func runTestInGuest(t *testing.T) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	// The test writes go test's own annotated form; test2json knows to which
	// subtest every line belongs.
	args := []string{binary, "-test.v=test2json", "-test.run=" + guestPattern(t.Name(), flag.Lookup("test.run").Value.String())}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	var env []string
	for _, name := range passEnv {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	convert := exec.Command("go", "tool", "test2json")
	in, err := convert.StdinPipe()
	if err != nil {
		return err
	}
	events, err := convert.StdoutPipe()
	if err != nil {
		return err
	}
	if err := convert.Start(); err != nil {
		return err
	}
	type exit struct {
		status int
		err    error
	}
	done := make(chan exit, 1)
	go func() {
		status, err := RunInGuest(context.Background(), GuestCommand{Args: args, Env: env, Output: in})
		in.Close()
		done <- exit{status, err}
	}()
	ran, err := report(t, events)
	result := <-done
	err = errors.Join(err, result.err, convert.Wait())
	switch {
	case err != nil:
	case result.status != 0 && !t.Failed():
		err = fmt.Errorf("exit status %d", result.status)
	case ran == 0:
		err = errors.New("no test ran")
	}
	return err
}

// guestPattern is the -test.run pattern for the guest: the test itself, and
// what the user asked for below it.
func guestPattern(test, asked string) string {
	if _, below, found := strings.Cut(asked, "/"); found {
		return "^" + test + "$/" + below
	}
	return "^" + test + "$"
}

// event is one line of test2json.
type event struct {
	Action string
	Test   string
	Output string
}

// report turns the guest's events into subtests of t, as each ends, and
// returns how many tests it heard of. What belongs to no subtest is t's.
func report(t *testing.T, events io.Reader) (ran int, err error) {
	output := map[string]*strings.Builder{}
	lines := json.NewDecoder(bufio.NewReader(events))
	for {
		var e event
		if err := lines.Decode(&e); err == io.EOF {
			return ran, nil
		} else if err != nil {
			return ran, fmt.Errorf("read test events: %w", err)
		}
		top, sub, _ := strings.Cut(e.Test, "/")
		name, _, nested := strings.Cut(sub, "/")
		if output[name] == nil {
			output[name] = &strings.Builder{}
		}
		switch e.Action {
		case "output":
			output[name].WriteString(e.Output)
		case "pass", "fail", "skip":
			if top == "" { // of the binary as a whole: its exit status says it too
				continue
			}
			ran++
			if !nested {
				conclude(t, name, e.Action, output[name].String())
			}
		}
	}
}

// conclude reports the result of one subtest, or of t itself for name "".
func conclude(t *testing.T, name, action, output string) {
	t.Helper()
	verdict := func(t *testing.T) {
		t.Helper()
		t.Logf("in the guest:\n%s", output)
		switch action {
		case "fail":
			t.Fail()
		case "skip":
			t.Skip(skipReason(output))
		}
	}
	if name == "" {
		if action == "fail" {
			verdict(t)
		}
		return
	}
	t.Run(name, verdict)
}

// skipReason finds the reason in the output of a skipped test.
func skipReason(output string) string {
	if _, reason, found := strings.Cut(output, SkipMark); found {
		first, _, _ := strings.Cut(reason, "\n")
		return SkipMark + first
	}
	return "skipped in the guest"
}
