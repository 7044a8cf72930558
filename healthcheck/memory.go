package healthcheck

import "time"

// Memory is the health of one key as plain data, so that a checker that starts
// again goes on with the verdicts of its predecessor instead of asking every
// real server Rise times first.
type Memory struct {
	Key          Key           `json:"key"`
	Verdict      string        `json:"verdict"`
	Since        time.Time     `json:"since,omitzero"`
	Last         Result        `json:"last"`
	Streak       int           `json:"streak"`
	Good         bool          `json:"good"` // what the streak is made of
	Successes    uint64        `json:"successes"`
	Failures     uint64        `json:"failures"`
	Inconclusive uint64        `json:"inconclusive"`
	Advice       Advice        `json:"advice,omitzero"`
	Latency      time.Duration `json:"latency_ns"`
	Downs        []time.Time   `json:"downs,omitempty"`
	Failed       time.Time     `json:"failed,omitzero"`
}

// Memory returns the health as data, for key k.
func (h *Health) Memory(k Key) Memory {
	return Memory{
		Key: k, Verdict: h.verdict.String(), Since: h.since, Last: h.last,
		Streak: h.streak, Good: h.good,
		Successes: h.successes, Failures: h.failures, Inconclusive: h.inconclusive,
		Advice: h.advice, Latency: h.latency, Downs: h.downs, Failed: h.failed,
	}
}

// Recall returns a health that goes on from m, with the timing of its key. A
// verdict that this version does not know is Unknown.
func Recall(m Memory) *Health {
	h := NewHealth(m.Key.Timing)
	for _, v := range []Verdict{Up, Down} {
		if v.String() == m.Verdict {
			h.verdict = v
		}
	}
	h.since, h.last, h.streak, h.good = m.Since, m.Last, max(m.Streak, 0), m.Good
	h.successes, h.failures, h.inconclusive = m.Successes, m.Failures, m.Inconclusive
	h.advice, h.latency, h.failed = m.Advice, m.Latency, m.Failed
	h.downs = m.Downs[max(0, len(m.Downs)-m.Key.Timing.Flaps):]
	return h
}
