package system

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// example reads a file of examples/.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The smallest example as it is shipped: one file, two directors that find
// themselves in it, one VIP.
func TestExampleTwoDirectors(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Bridge("lan", "192.168.0.0/24")
	lb1, lb2 := l.Host("lb1", "lan", "192.168.0.10/24"), l.Host("lb2", "lan", "192.168.0.20/24")
	owners := l.Ownership("192.168.0.200", lb1, lb2)
	hcl := example(t, "two-directors.hcl")
	v1 := lb1.Vipd(hcl)
	lb2.Vipd(hcl)
	lab.WaitFor(t, "lb1 has the VIP", settle, func() error { return owners.Only(lb1) })
	lab.Steady(t, "lb1 has the VIP alone", 2*time.Second, func() error { return owners.Only(lb1) })
	v1.Kill()
	lab.WaitFor(t, "lb2 has the VIP", settle, func() error { return owners.Only(lb2) })
}
