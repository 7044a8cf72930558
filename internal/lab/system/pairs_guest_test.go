//go:build !race

package system

import "testing"

// With services and real servers, half of which are dead. At longer intervals: a
// guest that stands still for a second is no reason to leave a state.
func testReloadOfRandomPairs(t *testing.T) {
	w := director
	w.Instance = `advert_interval = "500ms"`
	w.Service = "check \"tcp\" {\n interval = \"500ms\"\n fall = 1\n }"
	w.ServiceOptions = []string{
		"quiescent = false", `drain = "2s"`, "alpha = true", `fallback = "198.51.100.99:80"`, "persistence {}", "quorum {\n up = 2\n }", "require = 1",
	}
	eachPair(t, w, 1, testPair)
}
