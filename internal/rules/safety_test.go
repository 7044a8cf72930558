package rules

import (
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every rule of docs/safety.md has a test that carries its number, and no test
// carries the number of a rule that is not there.
func TestSafetyRulesHaveTests(t *testing.T) {
	page, err := os.ReadFile("../../docs/safety.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+\.\d+) \| `).FindAllStringSubmatch(string(page), -1) {
		rules[strings.ReplaceAll(m[1], ".", "_")] = 0
	}
	if len(rules) < 30 {
		t.Fatalf("the page has %d rules", len(rules))
	}
	carries := regexp.MustCompile(`^[Tt]estSafety_(\d+_\d+)_`)
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			m := carries.FindStringSubmatch(f.Name.Name)
			if m == nil {
				continue
			}
			if _, known := rules[m[1]]; !known {
				t.Errorf("%s: %s is about a rule that docs/safety.md lacks", s.path, f.Name.Name)
			}
			rules[m[1]]++
		}
	}
	for rule, tests := range rules {
		if tests == 0 {
			t.Errorf("rule %s has no test TestSafety_%s_…", strings.ReplaceAll(rule, "_", "."), rule)
		}
	}
}
