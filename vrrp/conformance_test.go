package vrrp_test

import (
	"fmt"
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
	states, _, _ = strings.Cut(states, "\n## ")
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

// TestConformancePageIsComplete: every requirement of the RFCs and every
// peculiarity of peers that is numbered has a row.
func TestConformancePageIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	requirements, peers, _ := strings.Cut(string(page), "## Peculiarities of peers")
	_, changed, _ := strings.Cut(requirements, "What RFC 9568 changed")
	has := make(map[int]bool)
	for row := range strings.Lines(requirements) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		for _, part := range strings.Split(cell, ", ") {
			var from, to int
			switch n, _ := fmt.Sscanf(part, "%d–%d", &from, &to); n {
			case 1:
				has[from] = true
			case 2:
				for i := from; i <= to; i++ {
					has[i] = true
				}
			}
		}
	}
	for _, span := range [][2]int{{1, 18}, {20, 26}, {30, 44}, {50, 55}, {60, 101}, {110, 115}} {
		for i := span[0]; i <= span[1]; i++ {
			if !has[i] {
				t.Errorf("no row about requirement %d", i)
			}
		}
	}
	for i := 116; i <= 122; i++ {
		if !strings.Contains(changed, fmt.Sprint(i)) {
			t.Errorf("no word about requirement %d", i)
		}
	}
	for _, span := range [][2]int{{1, 10}, {20, 44}} {
		for i := span[0]; i <= span[1]; i++ {
			if !strings.Contains(peers, fmt.Sprintf("\n| %d |", i)) {
				t.Errorf("no row about peculiarity %d", i)
			}
		}
	}
}
