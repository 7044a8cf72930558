package daemon

import (
	"maps"
	"net/netip"
	"time"

	"github.com/vipd/vipd/vrrp"
)

const (
	// dropLogEvery is the pause between two log lines about rejected packets
	// of one sender and cause; every packet is counted.
	dropLogEvery = 10 * time.Second
	// dropLogSenders bounds how many are told apart: a flood from invented
	// addresses must fill neither the memory nor the log. Beyond it all
	// senders of a cause are one.
	dropLogSenders = 64
	// dropLogMemory is how long a silent sender is remembered of whom something
	// is untold: the next one to come needs the place.
	dropLogMemory = 10 * time.Minute
)

// dropKey groups rejected packets for the log.
type dropKey struct {
	iface  string
	family vrrp.Family
	vrid   uint8
	reason vrrp.DropReason
	src    netip.Addr // zero for all others
	alarm  bool       // what becomes serious is told at once
}

type dropState struct {
	logged     time.Time
	suppressed uint64
}

// dropLog decides which rejected packets are worth a line.
type dropLog struct {
	states  map[dropKey]*dropState
	senders int
}

func newDropLog() dropLog { return dropLog{states: make(map[dropKey]*dropState)} }

// take notes a rejected packet. It reports whether to write a line, and how
// many like it were not written since the last one.
func (l *dropLog) take(d *vrrp.Drop, now time.Time) (suppressed uint64, write bool) {
	st := l.state(dropKey{d.Interface, d.Family, d.VRID, d.Reason, d.Src, d.Alarm}, now)
	if !st.logged.IsZero() && now.Sub(st.logged) < dropLogEvery {
		st.suppressed++
		return 0, false
	}
	suppressed = st.suppressed
	st.logged, st.suppressed = now, 0
	return suppressed, true
}

// state returns the memory of a sender and cause, that of all other senders
// when there are too many.
func (l *dropLog) state(key dropKey, now time.Time) *dropState {
	if st := l.states[key]; st != nil {
		return st
	}
	if l.senders >= dropLogSenders {
		l.forget(now)
	}
	if l.senders < dropLogSenders {
		l.senders++
	} else {
		key.src = netip.Addr{}
	}
	st := l.states[key]
	if st == nil {
		st = &dropState{}
		l.states[key] = st
	}
	return st
}

// forget drops the senders that were silent for a while.
func (l *dropLog) forget(now time.Time) {
	maps.DeleteFunc(l.states, func(key dropKey, st *dropState) bool {
		silent := now.Sub(st.logged)
		old := silent >= dropLogMemory || st.suppressed == 0 && silent >= dropLogEvery
		if old && key.src.IsValid() {
			l.senders--
		}
		return old
	})
}
