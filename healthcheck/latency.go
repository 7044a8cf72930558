package healthcheck

import "time"

// LatencyWeight makes the weight of a real server follow how fast it answers:
// one that is twice as slow as it should be gets half of its weight. The zero
// value leaves the weight alone.
type LatencyWeight struct {
	Target time.Duration `json:",omitzero"` // smoothed duration up to which the whole weight is deserved
	Floor  int           `json:",omitzero"` // percent of the weight that is left however slow it is, 1 to 100
	Step   int           `json:",omitzero"` // percentage points that one result moves the weight at most, 1 to 100
}

// wholeWeight is the share, in percent, of a server that is fast enough.
const wholeWeight = 100

// share returns the percentage after a success, from the present one and the
// smoothed latency. It moves by a whole step, or to an end of its range, and
// only when that is due: a latency that wavers by less than a step programs
// nothing.
func (w LatencyWeight) share(present int, latency time.Duration) int {
	deserved := wholeWeight
	if latency > w.Target {
		deserved = max(w.Floor, int(wholeWeight*w.Target/latency))
	}
	atEnd := deserved == wholeWeight || deserved == w.Floor
	switch far := deserved - present; {
	case far >= w.Step:
		return present + w.Step
	case far <= -w.Step:
		return present - w.Step
	case atEnd:
		return deserved
	}
	return present
}

// advice is the share as what a check asks for; the whole weight is no wish.
func (w LatencyWeight) advice(before Advice, latency time.Duration) Advice {
	present := wholeWeight
	if before.Mode == AdvicePercent {
		present = before.Value
	}
	if share := w.share(present, latency); share != wholeWeight {
		return Advice{Mode: AdvicePercent, Value: share}
	}
	return Advice{}
}

// validate adds what is wrong with w for a check of kind k.
func (w LatencyWeight) validate(p *problems) {
	if w == (LatencyWeight{}) {
		return
	}
	if w.Target <= 0 {
		p.add("latency_target", "", "latency_floor and latency_step need a latency_target")
		return
	}
	p.percent("latency_floor", w.Floor)
	p.percent("latency_step", w.Step)
}

func (p *problems) percent(field string, value int) {
	if value < 1 || value > wholeWeight {
		p.add(field, "", "%s %d is not from 1 to %d percent", field, value, wholeWeight)
	}
}
