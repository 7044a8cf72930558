package twin

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// update rewrites the states of the cases with what is seen now. It comes by
// the environment, for guests.
var update = os.Getenv("VIPD_LAB_UPDATE") != ""

// everything is set by make twin, which has the time.
var everything = os.Getenv("VIPD_LAB_TWINS") != ""

// recording guards the cases while twins record.
var recording sync.Mutex

// casesDir is the folder of the cases.
var casesDir = filepath.Join("..", "..", "..", "testdata", "twin")

// How many daemons run at once: they mostly wait.
const (
	atOnceHost  = 16
	atOnceGuest = 8
)

// TestRouters: the same virtual routers under keepalived and vipd.
func TestRouters(t *testing.T) {
	lab.Need(t, lab.Root, lab.Tool("keepalived"))
	t.Parallel()
	lab.Binary(t)
	runCases(t, atOnceHost, func(c *testCase) bool { return !c.needsIPVS() })
}

// TestGuest: the same virtual servers under keepalived, ldirectord and vipd.
func TestGuest(t *testing.T) {
	t.Parallel()
	lab.Binary(t)
	if !lab.Guest(t) {
		return
	}
	lab.Need(t, lab.Tool("keepalived"), lab.Tool("ipvsadm"), lab.Tool("ldirectord"))
	runCases(t, atOnceGuest, (*testCase).needsIPVS)
}

// chosen reports whether VIPD_LAB_CASES, words with commas between them, is empty
// or has a word that the name contains.
func chosen(name string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv("VIPD_LAB_CASES"), ","), func(word string) bool { return strings.Contains(name, word) })
}

// runCases runs the cases that are wanted and chosen, several at once; those with
// the most steps come first.
func runCases(t *testing.T, atOnce int, wanted func(*testCase) bool) {
	t.Helper()
	cases := slices.DeleteFunc(readCases(t, casesDir), func(c *testCase) bool { return !wanted(c) || !chosen(c.name()) || len(c.daemons) == 0 })
	slices.SortStableFunc(cases, func(a, b *testCase) int { return len(b.steps) - len(a.steps) })
	tokens := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	counted := &count{of: "cases"}
	for _, c := range cases {
		for range c.daemons {
			tokens <- struct{}{}
		}
		all.Go(func() {
			t.Run(c.name(), func(t *testing.T) { counted.add(runTwins(t, c, tokens)) })
		})
	}
	all.Wait()
	counted.report(t)
}

// runTwins runs a case under all its daemons at once, each of which takes a token
// when it has ended, and returns what became of it.
func runTwins(t *testing.T, c *testCase, tokens <-chan struct{}) string {
	var both sync.WaitGroup
	for _, daemon := range c.daemons {
		both.Go(func() {
			defer func() { <-tokens }()
			if update && daemon == converted {
				return // its states are those of vipd
			}
			t.Run(daemon, func(t *testing.T) { newStage(t, c, daemon).run() })
		})
	}
	both.Wait()
	if update && !t.Failed() {
		if err := c.save(); err != nil {
			t.Error(err)
		}
	}
	switch {
	case t.Failed():
		return failed
	case len(c.differs) > 0:
		return otherState
	}
	return sameState
}
