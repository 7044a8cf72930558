package ipvs

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// SyncState is what a connection sync daemon does (IP_VS_STATE_*).
type SyncState uint8

// States. The kernel runs at most one daemon of each.
const (
	SyncMaster SyncState = 1 // sends connections
	SyncBackup SyncState = 2 // receives them
)

// String returns "master" or "backup".
func (s SyncState) String() string {
	switch s {
	case SyncMaster:
		return "master"
	case SyncBackup:
		return "backup"
	}
	return fmt.Sprintf("sync(%d)", uint8(s))
}

// SyncSettings are those of a connection sync daemon. Zero values are the
// kernel's defaults (ip_vs_sync.c): group 224.0.0.81, port 8848, TTL 1, as
// much per message as the interface carries.
type SyncSettings struct {
	Interface string
	ID        uint8 // 0 hears every ID
	Group     netip.Addr
	Port      uint16
	TTL       uint8
	MaxLen    uint16
}

// SyncDaemon is a connection sync daemon of the kernel.
type SyncDaemon struct {
	State SyncState
	SyncSettings
}

// String returns "backup daemon on eth1, id 51".
func (d SyncDaemon) String() string {
	return fmt.Sprintf("%s daemon on %s, id %d", d.State, d.Interface, d.ID)
}

// satisfies reports whether a running daemon is as wanted; what is not wanted
// in particular may be anything.
func (d SyncDaemon) satisfies(want SyncDaemon) bool {
	return d.State == want.State && d.Interface == want.Interface && d.ID == want.ID &&
		(!want.Group.IsValid() || d.Group == want.Group) &&
		(want.Port == 0 || d.Port == want.Port) &&
		(want.TTL == 0 || d.TTL == want.TTL) &&
		d.fits(want.MaxLen)
}

// fits reports whether a daemon's length is what the kernel makes of the
// wanted one: no more than the interface carries.
func (d SyncDaemon) fits(want uint16) bool {
	return want == 0 || d.MaxLen == want || d.State == SyncMaster && d.MaxLen < want
}

// SyncConfig says which virtual router the daemons follow.
type SyncConfig struct {
	Follow string // name of the vrrp_instance; empty = both daemons always
	Both   bool   // both daemons in every state
	SyncSettings
}

// KeepBackup is how long a new master goes on receiving: what its predecessor
// sent last is still under way, and a short flap restarts nothing.
const KeepBackup = 3 * time.Second

// SyncFollower decides which daemons should run. It has no clock.
type SyncFollower struct {
	master bool
	since  time.Time // when it became master; zero = it always was
	asked  bool
}

// Want returns the daemons for the state of the followed router, and when to
// ask again; zero = when the state changes.
func (f *SyncFollower) Want(now time.Time, cfg SyncConfig, master bool) ([]SyncDaemon, time.Time) {
	if f.asked && master && !f.master {
		f.since = now
	}
	if !master {
		f.since = time.Time{}
	}
	f.master, f.asked = master, true
	until := f.since.Add(KeepBackup)
	keep := master && !f.since.IsZero() && now.Before(until)
	var out []SyncDaemon
	both := cfg.Both || cfg.Follow == ""
	if master || both {
		out = append(out, SyncDaemon{SyncMaster, cfg.SyncSettings})
	}
	if !master || both || keep {
		out = append(out, SyncDaemon{SyncBackup, cfg.SyncSettings})
	}
	if keep && !both {
		return out, until
	}
	return out, time.Time{}
}

// DiffSync returns the daemons to stop and to start so that the wanted ones
// run. A daemon cannot be edited: one with other settings is stopped first.
// asked are the settings with which the running ones were started, as far as
// that is known: what the kernel makes of a setting does not tell which it was.
func DiffSync(have, want, asked []SyncDaemon) (stop, start []SyncDaemon) {
	good := func(h, w SyncDaemon) bool {
		return h.satisfies(w) && !slices.ContainsFunc(asked, func(a SyncDaemon) bool { return a.State == w.State && a != w })
	}
	for _, h := range have {
		if !slices.ContainsFunc(want, func(w SyncDaemon) bool { return good(h, w) }) {
			stop = append(stop, h)
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h SyncDaemon) bool { return good(h, w) }) {
			start = append(start, w)
		}
	}
	return stop, start
}
