package track

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name    string
		judge   judge
		results string // one a second: + good, - bad
		states  string // after each: u unknown, + up, - down
	}{
		{"at once", judge{rise: 1, fall: 1}, "+-+-", "+-+-"},
		{"rise and fall", judge{rise: 2, fall: 3}, "++--+---++", "u++++++--+"},
		{"the first state takes its run too", judge{rise: 1, fall: 2}, "--", "u-"},
		{"a change must last", judge{rise: 1, fall: 1, holdUp: 2 * time.Second, holdDown: 2 * time.Second}, "+-+---+++", "+++++---+"},
		{"only a gain must last", judge{rise: 1, fall: 1, holdUp: time.Second}, "-+-++-", "----+-"},
		{"only a loss must last", judge{rise: 1, fall: 1, holdDown: time.Second}, "+-+--+", "++++-+"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			got := ""
			for _, r := range c.results {
				c.judge.hear(now, r == '+')
				got += map[string]string{"unknown": "u", "up": "+", "down": "-"}[c.judge.state.String()]
				now = now.Add(time.Second)
			}
			if got != c.states {
				t.Errorf("states %s, want %s", got, c.states)
			}
		})
	}
}
