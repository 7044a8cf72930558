package healthcheck

import "time"

// Defaults returns the complete settings of a check of which nothing but the
// kind was said. An unknown kind gets what all kinds have in common.
func Defaults(kind Kind) Settings {
	known, _ := specOf(kind)
	return Settings{Kind: kind, Timeout: 3 * time.Second, TLS: TLS{Mode: known.modes[0]}, Params: known.defaults}
}

// DefaultTiming returns how often to check when nothing was said: a probe
// every 5 s, two failures to go down, one success to come back.
func DefaultTiming() Timing { return Timing{Interval: 5 * time.Second, Rise: 1, Fall: 2} }
