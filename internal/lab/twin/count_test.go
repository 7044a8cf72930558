package twin

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
)

// count is what became of the configurations of a test.
type count struct {
	mu     sync.Mutex
	of     string // what they are
	number map[string]int
}

// What becomes of a configuration.
const (
	sameState  = "alike"
	otherState = "different on purpose, by the table of differences"
	failed     = "FAILED"
)

func (c *count) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.number == nil {
		c.number = map[string]int{}
	}
	c.number[what]++
}

// report says it as attributes of the test, which `make twin` prints at its end.
func (c *count) report(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := 0
	for _, n := range c.number {
		all += n
	}
	t.Attr("count", fmt.Sprintf("%3d %s", all, c.of))
	for _, what := range slices.Sorted(maps.Keys(c.number)) {
		t.Attr("count", fmt.Sprintf("%3d %s", c.number[what], what))
	}
}
