package healthcheck

import "time"

// Kinds returns all kinds of checks, in the order of the documentation.
func Kinds() []Kind { return []Kind{KindTCP, KindHTTP, KindHTTPS, KindPing} }

// Defaults returns the complete settings of a check of which nothing but the
// kind was said. An unknown kind gets what all kinds have in common.
func Defaults(kind Kind) Settings {
	s := Settings{Kind: kind, Timeout: 3 * time.Second}
	if kind.web() {
		s.Method, s.Path, s.Status = "GET", "/", "200-299"
	}
	return s
}

// DefaultTiming returns how often to check when nothing was said: a probe
// every 5 s, two failures to go down, one success to come back.
func DefaultTiming() Timing { return Timing{Interval: 5 * time.Second, Rise: 1, Fall: 2} }

// web reports whether the kind speaks HTTP.
func (k Kind) web() bool { return k == KindHTTP || k == KindHTTPS }
