package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
)

// secondRun says how many failed tests may be run again, and how to run one.
type secondRun struct {
	most int
	test func(pkg, test string) bool // whether it passed
}

// beyondRepeat tells whether a line of output shows a failure that a second,
// passing run would not take back: other tests of the package did not run, or
// the memory was raced over.
func beyondRepeat(line string) bool {
	for _, sign := range []string{"panic:", "fatal error:", "DATA RACE"} {
		if strings.Contains(line, sign) {
			return true
		}
	}
	return false
}

// repeat runs the failed tests alone: tests with real clocks, kernels and
// peers can fail because the machine stalled. Too many failures are no stall.
func (t *tally) repeat(second secondRun) {
	var tests []key // without their subtests
	for _, f := range t.failures {
		name, _, _ := strings.Cut(f.test, "/")
		top := key{f.pkg, name}
		if f.test == "" || t.broken[f.pkg] {
			return
		}
		if !slices.Contains(tests, top) {
			tests = append(tests, top)
		}
	}
	if len(tests) > second.most {
		return
	}
	for _, test := range tests {
		if second.test(test.pkg, test.test) {
			t.forgive(test)
		}
	}
}

// forgive counts a test and its subtests, failed at first, as passed.
func (t *tally) forgive(test key) {
	t.failures = slices.DeleteFunc(t.failures, func(f key) bool {
		name, _, _ := strings.Cut(f.test, "/")
		if (key{f.pkg, name}) != test {
			return false
		}
		t.failed--
		t.passed++
		t.unsteady = append(t.unsteady, f)
		return true
	})
}

// goTest runs one test alone.
func goTest(pkg, test string) bool {
	cmd := exec.Command("go", "test", "-count=1", "-timeout", "3m", "-run", "^"+test+"$", pkg)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run() == nil
}
