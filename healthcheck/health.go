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
	v = h.verdict
	if r.OK() && h.streak >= h.timing.Rise {
		v = Up
	}
	if !r.OK() && h.streak >= h.timing.Fall {
		v = Down
	}
	if v == h.verdict {
		return v, false
	}
	h.verdict, h.since = v, r.At.Add(r.Duration)
	return v, true
}

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
	}
}
