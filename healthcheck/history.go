package healthcheck

import "slices"

// History keeps the latest results of one probe, and failures for longer: a
// failure that is pushed out by successes stays until as many newer failures
// were pushed out after it.
type History struct {
	limit  int
	recent []Result // oldest first
	failed []Result // older than recent, oldest first
}

// NewHistory returns a history of limit recent results and up to limit older
// failures. It takes memory for what it holds, not for the limit.
func NewHistory(limit int) *History { return &History{limit: max(limit, 1)} }

// Add appends a result.
func (h *History) Add(r Result) {
	if len(h.recent) == h.limit {
		if old := h.recent[0]; !old.OK() {
			h.failed = push(h.failed, old, h.limit)
		}
	}
	h.recent = push(h.recent, r, h.limit)
}

// Results returns a copy of everything kept, oldest first.
func (h *History) Results() []Result { return slices.Concat(h.failed, h.recent) }

// push appends r and drops the first element when there are limit already.
func push[T any](kept []T, r T, limit int) []T {
	if len(kept) < limit {
		return append(kept, r)
	}
	copy(kept, kept[1:])
	kept[len(kept)-1] = r
	return kept
}
