package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// event is one line of `go test -json` (go doc cmd/test2json).
type event struct {
	Time       time.Time
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Elapsed    float64 // seconds
	Output     string
	Key        string // of an attribute
	Value      string
}

// countKey is the attribute of tests whose values are printed at the end.
const countKey = "count"

// key names a test, or a package when test is empty.
type key struct{ pkg, test string }

func (k key) String() string {
	if k.test == "" {
		return k.pkg + " (the package as a whole)"
	}
	return k.pkg + " " + k.test
}

// tally counts tests, subtests included, and keeps the output of those that
// run until their verdict is known.
type tally struct {
	out     io.Writer
	allowed *regexp.Regexp
	output  map[key][]string
	began   map[string]int // tests per package

	passed, failed, skipped, unexpected int

	failures []key
	broken   map[string]bool // packages whose failure is not a matter of timing
	unsteady []key           // failed, then passed when run alone

	skips, aborted, counts []string
}

// read consumes the events. A line that is none is passed on.
func (t *tally) read(in io.Reader) {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		var e event
		switch {
		case line == "":
		case json.Unmarshal([]byte(line), &e) != nil || e.Action == "":
			io.WriteString(t.out, line)
		default:
			t.add(e)
		}
		if err != nil {
			return
		}
	}
}

func (t *tally) add(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		io.WriteString(t.out, e.Output)
	case "output":
		if beyondRepeat(e.Output) {
			t.broken[e.Package] = true
		}
		t.output[k] = append(t.output[k], e.Output)
	case "attr":
		if e.Key == countKey {
			t.counts = append(t.counts, e.Test+": "+e.Value)
		}
	case "aborted": // not an event of go test's: it exited with an error
		t.aborted = append(t.aborted, e.Package)
	case "run":
		t.began[e.Package]++
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(e)
		} else {
			t.endTest(e)
		}
		delete(t.output, k)
	}
}

func (t *tally) endTest(e event) {
	name := e.Package + " " + e.Test
	switch e.Action {
	case "pass":
		t.passed++
	case "fail":
		t.failed++
		t.failures = append(t.failures, key{e.Package, e.Test})
		fmt.Fprint(t.out, strings.Join(t.output[key{e.Package, e.Test}], ""))
	case "skip":
		t.skipped++
		if t.allowed == nil || !t.allowed.MatchString(name) {
			t.unexpected++
		}
		t.skips = append(t.skips, name+": "+reason(t.output[key{e.Package, e.Test}]))
	}
}

// endPackage reports a package. One can fail without a failed test: it did not
// build, it panicked, it ran out of time.
func (t *tally) endPackage(e event) {
	took := time.Duration(e.Elapsed * float64(time.Second)).Round(10 * time.Millisecond)
	tests := t.began[e.Package]
	delete(t.began, e.Package)
	switch e.Action {
	case "pass":
		fmt.Fprintf(t.out, "ok    %-50s %5d tests %8v\n", e.Package, tests, took)
	case "skip":
		fmt.Fprintf(t.out, "      %-50s no tests\n", e.Package)
	case "fail":
		for k, lines := range t.output { // of tests that never ended, too
			if k.pkg == e.Package {
				fmt.Fprint(t.out, strings.Join(lines, ""))
				delete(t.output, k)
			}
		}
		fmt.Fprintf(t.out, "FAIL  %-50s %5d tests %8v\n", e.Package, tests, took)
		if !t.reported(e.Package) {
			t.failed++
			t.failures = append(t.failures, key{pkg: e.Package})
		}
	}
}

// reported tells whether a failed test explains the package's failure.
func (t *tally) reported(pkg string) bool {
	for _, f := range t.failures {
		if f.pkg == pkg {
			return true
		}
	}
	return false
}

// reason is why a test was skipped: its last line of output that is not a
// heading of the test's own.
func reason(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		line := strings.TrimSpace(output[i])
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no reason given"
}

func (t *tally) summary(strict bool) {
	if t.failed == 0 && len(t.unsteady) == 0 { // else the exit status is explained
		for _, a := range t.aborted {
			t.failed++
			fmt.Fprintln(t.out, "failed: ", a+": go test ended with an error")
		}
	}
	for _, c := range t.counts {
		fmt.Fprintln(t.out, "counted:", c)
	}
	for _, s := range t.skips {
		fmt.Fprintln(t.out, "skipped:", s)
	}
	for _, u := range t.unsteady {
		fmt.Fprintf(t.out, "unsteady: %s: failed at first, passed alone\n", u)
	}
	for _, f := range t.failures {
		fmt.Fprintln(t.out, "failed: ", f)
	}
	if t.passed == 0 {
		fmt.Fprintln(t.out, "failed:  no test passed")
	}
	if strict && t.unexpected > 0 {
		fmt.Fprintf(t.out, "failed:  %d skips are not on the list of those allowed\n", t.unexpected)
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
}
