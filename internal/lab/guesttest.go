package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// passEnv are the variables that a guest inherits.
var passEnv = []string{BinaryEnv, KeepEnv, "VIPD_LAB_CASES", "VIPD_LAB_TWINS", "VIPD_LAB_PAIRS", "VIPD_LAB_UPDATE", "VIPD_LAB_PAGE", "VIPD_LAB_COMMIT", "VIPD_LAB_SOAK", "VIPD_CORPUS"}

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
	ran, err := collect(events, func(name string, r *reported) { conclude(t, name, r) })
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
	Key    string // of an attribute
	Value  string
}

// collect hands on each subtest as it ends and returns how many tests it heard
// of. What belongs to no subtest goes by the name "". A subtest here is
// everything up to the first slash, also when no test of that name is
// reported: a name may contain slashes of its own.
func collect(events io.Reader, conclude func(name string, r *reported)) (ran int, err error) {
	all := map[string]*reported{}
	lines := json.NewDecoder(bufio.NewReader(events))
	for {
		var e event
		if err := lines.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			return ran, fmt.Errorf("read test events: %w", err)
		}
		top, sub, _ := strings.Cut(e.Test, "/")
		name, _, nested := strings.Cut(sub, "/")
		if all[name] == nil {
			all[name] = &reported{}
		}
		switch e.Action {
		case "output":
			all[name].output.WriteString(e.Output)
		case "attr":
			all[name].attrs = append(all[name].attrs, attr{e.Key, e.Value})
		case "pass", "fail", "skip":
			if top == "" { // of the binary as a whole: its exit status says it too
				continue
			}
			ran++
			all[name].add(e.Action)
			if !nested {
				conclude(name, all[name])
				delete(all, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if r := all[name]; r.action != "" {
			conclude(name, r)
		}
	}
	return ran, nil
}

// reported is what was heard of one subtest.
type reported struct {
	output strings.Builder
	action string
	attrs  []attr // in their order
}

// attr is an attribute that a test has said of itself.
type attr struct{ key, value string }

// add takes the result of the subtest or of one below it; the worst counts.
func (r *reported) add(action string) {
	rank := []string{"", "pass", "skip", "fail"}
	if slices.Index(rank, action) > slices.Index(rank, r.action) {
		r.action = action
	}
}

// conclude reports the result of one subtest, or of t itself for name "".
func conclude(t *testing.T, name string, r *reported) {
	t.Helper()
	action, output := r.action, r.output.String()
	describe := func(t *testing.T) {
		for _, a := range r.attrs {
			t.Attr(a.key, a.value)
		}
	}
	verdict := func(t *testing.T) {
		t.Helper()
		describe(t)
		t.Logf("in the guest:\n%s", output)
		switch action {
		case "fail":
			t.Fail()
		case "skip":
			t.Skip(skipReason(output))
		}
	}
	switch {
	case name != "":
		t.Run(name, verdict)
	case action == "fail":
		verdict(t)
	default:
		describe(t)
	}
}

// skipReason finds the reason in the output of a skipped test.
func skipReason(output string) string {
	if _, reason, found := strings.Cut(output, SkipMark); found {
		first, _, _ := strings.Cut(reason, "\n")
		return SkipMark + first
	}
	return "skipped in the guest"
}
