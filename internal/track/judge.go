package track

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// judge turns single results into a state that does not flap.
type judge struct {
	rise, fall int
	// holdUp and holdDown are how long a change must last before it counts.
	holdUp, holdDown time.Duration

	state   vrrp.TrackState
	run     int // equal results in a row that contradict the state
	began   time.Time
	verdict bool // of the run
}

// hear takes one result and reports whether the state changed.
func (j *judge) hear(now time.Time, good bool) bool {
	if j.run == 0 || j.verdict != good {
		j.run, j.began, j.verdict = 0, now, good
	}
	if j.state == stateOf(good) {
		j.run = 0
		return false
	}
	j.run++
	need, hold := j.fall, j.holdDown
	if good {
		need, hold = j.rise, j.holdUp
	}
	if j.state == vrrp.TrackUnknown {
		hold = 0
	}
	if j.run < need || now.Sub(j.began) < hold {
		return false
	}
	j.state, j.run = stateOf(good), 0
	return true
}

func stateOf(good bool) vrrp.TrackState {
	if good {
		return vrrp.TrackUp
	}
	return vrrp.TrackDown
}
