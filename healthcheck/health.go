package healthcheck

import "time"

// Health turns the results of one probe into a verdict. The verdict changes
// when Rise successes or Fall failures came in a row; a result in between
// that contradicts the verdict only restarts the streak.
//
//	            Rise successes              Fall failures
//	Unknown ─────────────────────► Up ◄──────────────────► Down
//	   └──────────────────────────────────────────────────► ┘
//
// Results of ClassInternal say something about this machine and nothing about
// the real server (out of descriptors, no permission to ping). They are
// counted and shown, and move neither streak nor verdict: a director that
// cannot probe must not take its whole service down.
type Health struct {
	timing       Timing
	verdict      Verdict
	since        time.Time
	last         Result
	streak       int
	good         bool // what the streak is made of
	successes    uint64
	failures     uint64
	inconclusive uint64

	advice  Advice        // of the last success
	latency time.Duration // smoothed duration of whole successful probes
	cheap   int           // probes left that may be a connection only
	downs   []time.Time   // latest changes to Down, at most timing.Flaps
	failed  time.Time     // end of the last failure
}

// NewHealth returns the health of a probe without results. Counts of t below
// 1 mean 1.
func NewHealth(t Timing) *Health {
	t.Rise, t.Fall = max(t.Rise, 1), max(t.Fall, 1)
	return &Health{timing: t}
}

// Retimed returns a health that goes on from h under other timing: verdict,
// streak and counters stay, so that a reload which changes an interval takes
// no real server out of service.
func (h *Health) Retimed(t Timing) *Health {
	n := *h
	n.timing = NewHealth(t).timing
	n.cheap, n.downs = min(n.cheap, t.Cheap), nil
	return &n
}

// Observe takes the next result. It returns the verdict and whether this
// result changed it.
func (h *Health) Observe(r Result) (v Verdict, changed bool) {
	h.last = r
	if r.Class == ClassInternal {
		h.inconclusive++
		return h.verdict, false
	}
	h.count(r.OK())
	h.learn(r)
	v = h.verdict
	if r.OK() && h.streak >= h.timing.Rise && !h.flapping(r.At) {
		v = Up
	}
	if !r.OK() && h.streak >= h.timing.Fall {
		v = Down
	}
	if v == h.verdict {
		return v, false
	}
	h.verdict, h.since = v, r.At.Add(r.Duration)
	if v == Down && h.timing.Flaps > 0 {
		h.downs = push(h.downs, h.since, h.timing.Flaps)
	}
	return v, true
}

// smoothing is the weight of the past in the smoothed latency: 7 of 8, as in
// TCP's round trip time (RFC 6298).
const smoothing = 8

// learn takes from a conclusive result what is no part of the verdict.
func (h *Health) learn(r Result) {
	if !r.OK() {
		h.cheap, h.failed = 0, r.At.Add(r.Duration)
		return
	}
	if h.cheap > 0 { // this was a connection only
		h.cheap--
		return
	}
	if h.latency == 0 {
		h.latency = r.Duration
	}
	h.latency += (r.Duration - h.latency) / smoothing
	wish := r.Advice
	if h.timing.Latency.Target > 0 {
		wish = h.timing.Latency.advice(h.advice, h.latency)
	}
	h.cheap, h.advice = h.timing.Cheap, wish
}

// flapping reports whether the real server went down so often that it has to
// be well for a whole window before it is up again.
func (h *Health) flapping(now time.Time) bool {
	n, window := h.timing.Flaps, h.timing.FlapWindow
	if n == 0 || len(h.downs) < n || h.verdict != Down {
		return false
	}
	last := h.downs[len(h.downs)-n:]
	often := last[n-1].Sub(last[0]) <= window
	return often && now.Sub(h.failed) < window
}

// Pause returns how long after the start of the last probe the next one is to
// start.
func (h *Health) Pause() time.Duration {
	pause := time.Duration(0)
	switch {
	case h.verdict == Down:
		pause = h.timing.DownInterval
	case h.streak > 0 && !h.good:
		pause = h.timing.Retry
	}
	if pause == 0 {
		pause = h.timing.Interval
	}
	return pause
}

// Next returns the settings to probe with next: those of the key, or a mere
// connection while that may stand in for them.
func (h *Health) Next(s Settings) Settings {
	if h.cheap == 0 {
		return s
	}
	return Settings{Kind: KindTCP, Timeout: s.Timeout, Network: s.Network, Params: TCP{}}
}

// Advice returns what the last success said about the weight.
func (h *Health) Advice() Advice { return h.advice }

// count extends or restarts the streak.
func (h *Health) count(good bool) {
	if good {
		h.successes++
	} else {
		h.failures++
	}
	if good != h.good {
		h.good, h.streak = good, 0
	}
	h.streak++
}

// Verdict returns the present verdict.
func (h *Health) Verdict() Verdict { return h.verdict }

// Seen reports whether any result came in, conclusive or not.
func (h *Health) Seen() bool { return h.successes+h.failures+h.inconclusive > 0 }

// Status returns a snapshot for key k. Next is left for the scheduler.
func (h *Health) Status(k Key) Status {
	return Status{
		Key:          k,
		Verdict:      h.verdict,
		Since:        h.since,
		Last:         h.last,
		Streak:       h.streak,
		Successes:    h.successes,
		Failures:     h.failures,
		Inconclusive: h.inconclusive,
		Latency:      h.latency,
		Advice:       h.advice,
		Held:         h.good && h.streak >= h.timing.Rise && h.verdict == Down,
	}
}
