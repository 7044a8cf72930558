package daemon

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestRoutesAreDocumented: every request of the control socket stands in
// docs/operations.md.
func TestRoutesAreDocumented(t *testing.T) {
	source, err := os.ReadFile("control.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	routes := regexp.MustCompile(`"((?:GET|POST) /v1/[a-z/-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(routes) < 10 {
		t.Fatalf("found %q only", routes)
	}
	for _, r := range routes {
		if !strings.Contains(string(page), "| `"+r[1]+"`") && !strings.Contains(string(page), "| `"+r[1]+"?") {
			t.Errorf("%s is not documented", r[1])
		}
	}
}
