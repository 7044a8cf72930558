package healthcheck

import (
	"fmt"
	"strconv"
	"strings"
)

// StatusSet is a set of HTTP status codes.
type StatusSet []statusRange

// statusRange is an inclusive range of codes.
type statusRange struct{ low, high int }

// ParseStatusSet reads comma-separated codes and ranges such as
// "200-299,304". Codes have three digits; spaces around them are allowed.
func ParseStatusSet(s string) (StatusSet, error) {
	var set StatusSet
	for part := range strings.SplitSeq(s, ",") {
		r, err := parseStatusRange(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("parse status set %q: %w", s, err)
		}
		set = append(set, r)
	}
	return set, nil
}

func parseStatusRange(s string) (statusRange, error) {
	first, last, isRange := strings.Cut(s, "-")
	low, err := parseStatus(strings.TrimSpace(first))
	if err != nil {
		return statusRange{}, err
	}
	if !isRange {
		return statusRange{low, low}, nil
	}
	high, err := parseStatus(strings.TrimSpace(last))
	if err != nil {
		return statusRange{}, err
	}
	if high < low {
		return statusRange{}, fmt.Errorf("range %q ends before it begins", s)
	}
	return statusRange{low, high}, nil
}

// parseStatus reads one code; HTTP defines 100 to 599 (RFC 9110 section 15),
// and the grammar allows any three digits.
func parseStatus(s string) (int, error) {
	code, err := strconv.ParseUint(s, 10, 16)
	if err != nil || len(s) != 3 || code < 100 {
		return 0, fmt.Errorf("%q is not a status code from 100 to 999", s)
	}
	return int(code), nil
}

// Contains reports whether code is in the set.
func (s StatusSet) Contains(code int) bool {
	for _, r := range s {
		if r.low <= code && code <= r.high {
			return true
		}
	}
	return false
}
