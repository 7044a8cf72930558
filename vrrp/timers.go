package vrrp

import (
	"cmp"
	"time"
)

// SkewTime returns the Skew_Time of a router with the given effective priority
// (RFC 3768 §6.1, RFC 9568 §6.1). In version 2 it is a share of one second
// whatever the interval is, in version 3 a share of the master's interval.
func SkewTime(version, priority uint8, interval time.Duration) time.Duration {
	if version == 2 {
		interval = time.Second
	}
	return time.Duration(256-int(priority)) * interval / 256
}

// MasterDownInterval returns how long a backup of the given effective priority
// waits for a master that adverts at interval: three intervals and the skew.
func MasterDownInterval(version, priority uint8, interval time.Duration) time.Duration {
	return 3*interval + SkewTime(version, priority, interval)
}

// MasterDown returns the master-down interval of the router when every
// neighbour uses its own settings.
func (c *Config) MasterDown() time.Duration {
	return c.SilentFor(c.AdvertInterval) + SkewTime(c.Version, c.Priority, c.AdvertInterval)
}

// SilentFor returns how long a master that adverts at interval may be silent
// before backups begin to count their skew.
func (c *Config) SilentFor(interval time.Duration) time.Duration {
	return time.Duration(cmp.Or(c.DownAdverts, DefaultDownAdverts)) * interval
}

// due reports whether a timer that may be unset (zero) has run out.
func due(timer, now time.Time) bool { return !timer.IsZero() && !timer.After(now) }

// earliest returns the earlier of two timers, either of which may be unset.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
