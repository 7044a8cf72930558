package healthcheck

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// AdviceMode says how an advice changes a weight.
type AdviceMode string

// Modes of advice.
const (
	AdviceNone    AdviceMode = ""
	AdviceSet     AdviceMode = "set"     // to Value
	AdvicePercent AdviceMode = "percent" // of the configured weight
	AdviceAdd     AdviceMode = "add"     // Value, which may be negative
)

// Advice is what a check wants the weight of its real server to be. It never
// lifts a weight that is configured as 0.
type Advice struct {
	Mode  AdviceMode `json:"mode,omitempty"`
	Value int        `json:"value,omitempty"`
}

// maxWeight is the largest weight that is sent to the kernel.
const maxWeight = math.MaxUint16

// Apply returns the weight that the advice makes of a configured one. A
// percentage above 0 leaves at least 1.
func (a Advice) Apply(configured int) int {
	weight := configured
	switch a.Mode {
	case AdviceSet:
		weight = a.Value
	case AdvicePercent:
		weight = int(int64(configured) * int64(a.Value) / 100)
		if a.Value > 0 {
			weight = max(weight, 1)
		}
	case AdviceAdd:
		weight = configured + a.Value
	}
	if configured <= 0 {
		return 0
	}
	return min(max(weight, 0), maxWeight)
}

// String returns the advice for people, "" for none.
func (a Advice) String() string {
	switch a.Mode {
	case AdviceSet:
		return fmt.Sprintf("weight %d", a.Value)
	case AdvicePercent:
		return fmt.Sprintf("%d %% of the weight", a.Value)
	case AdviceAdd:
		return fmt.Sprintf("weight %+d", a.Value)
	}
	return ""
}

// ParseAdvice reads the line of an agent as HAProxy's agent-check defines it:
// words separated by spaces, commas or tabs. "up" and "ready" are success,
// "down", "fail" and "stopped" are failures with the rest of the line as
// reason, "drain" and "maint" mean weight 0, and "75%" is a percentage.
// "maxconn:N" is understood and ignored: IPVS has no queue. ok is false when
// the line has no word that is understood.
func ParseAdvice(line string) (up bool, advice Advice, reason string, ok bool) {
	up = true
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\r' })
	for i, w := range words {
		word, comment, _ := strings.Cut(strings.ToLower(w), "#")
		switch word {
		case "up", "ready":
		case "down", "fail", "failed", "stopped":
			return false, Advice{}, strings.TrimSpace(strings.Join(append([]string{comment}, words[i+1:]...), " ")), true
		case "drain", "maint":
			advice = Advice{Mode: AdviceSet}
		default:
			parsed, fine := parseShare(word)
			if !fine {
				continue
			}
			if parsed.Mode != AdviceNone && advice != (Advice{Mode: AdviceSet}) {
				advice = parsed
			}
		}
		ok = true
	}
	return up, advice, "", ok
}

// parseShare reads "75%" or "maxconn:5".
func parseShare(word string) (Advice, bool) {
	if strings.HasPrefix(word, "maxconn:") {
		return Advice{}, true
	}
	digits, percent := strings.CutSuffix(word, "%")
	n, err := strconv.ParseUint(digits, 10, 16)
	return Advice{Mode: AdvicePercent, Value: int(n)}, percent && err == nil
}
