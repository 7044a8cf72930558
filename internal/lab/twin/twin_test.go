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

// How many cases run at once: they mostly wait.
const (
	atOnceHost  = 8
	atOnceGuest = 4
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
	all := everything || update || os.Getenv("VIPD_LAB_CASES") != ""
	runCases(t, atOnceGuest, func(c *testCase) bool {
		return c.needsIPVS() && (all || !c.rarely)
	})
}

// chosen reports whether VIPD_LAB_CASES, words with commas between them, is empty
// or has a word that the name contains.
func chosen(name string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv("VIPD_LAB_CASES"), ","), func(word string) bool { return strings.Contains(name, word) })
}

// runCases runs the cases that are wanted and chosen, several at once.
func runCases(t *testing.T, atOnce int, wanted func(*testCase) bool) {
	t.Helper()
	tokens := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for _, c := range readCases(t, casesDir) {
		if !wanted(c) || !chosen(c.name()) {
			continue
		}
		tokens <- struct{}{}
		all.Go(func() {
			t.Run(c.name(), func(t *testing.T) { runTwins(t, c) })
			<-tokens
		})
	}
	all.Wait()
}

// runTwins runs a case under all its daemons at once.
func runTwins(t *testing.T, c *testCase) {
	var both sync.WaitGroup
	for _, daemon := range c.daemons {
		if update && daemon == converted {
			continue // its states are those of vipd
		}
		both.Go(func() {
			t.Run(daemon, func(t *testing.T) { newStage(t, c, daemon).run() })
		})
	}
	both.Wait()
	if update && !t.Failed() {
		if err := c.save(); err != nil {
			t.Error(err)
		}
	}
}
