package vrrp_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestConformancePageIsTrue: every test and scenario that docs/conformance.md
// names exists, no RFC test is missing there, and every row of the RFC's state
// tables has a scenario.
func TestConformancePageIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]bool)
	for _, pattern := range []string{"*_test.go", "sim/*_test.go"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(source), -1) {
				tests[m[1]] = true
			}
		}
	}
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(page), -1) {
		if !tests[m[1]] {
			t.Errorf("the page names %s, which does not exist", m[1])
		}
	}
	for name := range tests {
		if strings.HasPrefix(name, "TestRFC") && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the page lacks %s", name)
		}
	}
	_, states, _ := strings.Cut(string(page), "## State machine")
	for row := range strings.Lines(states) {
		req := regexp.MustCompile(`^\| (7\d|8[0-7])\b`).FindString(row)
		if req != "" && !strings.Contains(row, "scenario `") {
			t.Errorf("no scenario shows the row of the state tables %s", row)
		}
	}
	for _, m := range regexp.MustCompile("scenario `([a-z-]+)`").FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat("../testdata/scenarios/" + m[1] + ".txtar"); err != nil {
			t.Error(err)
		}
	}
}
