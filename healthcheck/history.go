package healthcheck

import "time"

// History keeps the latest results of one probe, and failures for longer: a
// failure that is pushed out by successes stays until as many newer failures
// were pushed out after it.
type History struct {
	limit  int
	recent []record // oldest first
	failed []record // older than recent, oldest first
}

// record is a result in little memory: there are ten of them per probe, and tens
// of thousands of probes. Results in a row mostly say the same.
type record struct {
	at     int64 // nanoseconds since 1970
	said   *said
	phases [3]time.Duration
	took   time.Duration
}

// said is what several records may have in common.
type said struct {
	class  Class
	reason string
	advice Advice
}

// recordOf makes a record that follows another one.
func recordOf(r Result, before *said) record {
	now := said{r.Class, r.Reason, r.Advice}
	if before == nil || *before != now {
		kept := now // alone what is kept is allocated
		before = &kept
	}
	return record{at: r.At.UnixNano(), said: before, phases: [...]time.Duration{r.Connect, r.TLS, r.First}, took: r.Duration}
}

func (r record) result() Result {
	return Result{
		At: time.Unix(0, r.at), Class: r.said.class, Reason: r.said.reason,
		Connect: r.phases[0], TLS: r.phases[1], First: r.phases[2], Duration: r.took, Advice: r.said.advice,
	}
}

// NewHistory returns a history of limit recent results and up to limit older
// failures. It takes memory for what it holds, not for the limit.
func NewHistory(limit int) *History { return &History{limit: max(limit, 1)} }

// Add appends a result.
func (h *History) Add(r Result) {
	if len(h.recent) == h.limit {
		if old := h.recent[0]; old.said.class != ClassOK {
			h.failed = push(h.failed, old, h.limit)
		}
	}
	var before *said
	if n := len(h.recent); n > 0 {
		before = h.recent[n-1].said
	}
	h.recent = push(h.recent, recordOf(r, before), h.limit)
}

// Results returns a copy of everything kept, oldest first.
func (h *History) Results() []Result {
	all := make([]Result, 0, len(h.failed)+len(h.recent))
	for _, kept := range [][]record{h.failed, h.recent} {
		for _, r := range kept {
			all = append(all, r.result())
		}
	}
	return all
}

// push appends r and drops the first element when there are limit already.
// The memory that it takes never exceeds limit elements.
func push[T any](kept []T, r T, limit int) []T {
	switch {
	case len(kept) == limit:
		copy(kept, kept[1:])
		kept[len(kept)-1] = r
		return kept
	case len(kept) == cap(kept):
		grown := make([]T, len(kept), min(2*len(kept)+1, limit))
		copy(grown, kept)
		kept = grown
	}
	return append(kept, r)
}
