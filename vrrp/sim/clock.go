package sim

import "time"

// genesis is where the virtual time of every world begins.
var genesis = time.Unix(1_000_000_000, 0).UTC()

// clock is a node's own idea of time. It runs too fast by ppm millionths.
type clock struct {
	offset time.Duration
	ppm    int64
}

const million = 1_000_000

// local returns what the clock shows at the world's time t.
func (c clock) local(t time.Duration) time.Time {
	drift := int64(t)/million*c.ppm + int64(t)%million*c.ppm/million
	return genesis.Add(c.offset + t + time.Duration(drift))
}

// world returns the first instant at which the clock shows at least l.
func (c clock) world(l time.Time) time.Duration {
	shown := l.Sub(genesis) - c.offset
	t := time.Duration(float64(shown) / (1 + float64(c.ppm)/million))
	for c.local(t).Before(l) {
		t++
	}
	for t > 0 && !c.local(t-1).Before(l) {
		t--
	}
	return t
}
