package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

func dropFrom(n int, why vrrp.DropReason) *vrrp.Drop {
	return &vrrp.Drop{
		Interface: "eth0", Family: vrrp.IPv4, VRID: 51, Reason: why,
		Src: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}),
	}
}

// Every sender and cause has a line of its own in ten seconds, and the next one
// tells how many there were in between.
func TestDropLogPerSenderAndCause(t *testing.T) {
	l, now := newDropLog(), time.Unix(1000, 0)
	lines := 0
	for range 1000 {
		for sender := range 3 {
			for _, why := range []vrrp.DropReason{vrrp.DropTTL, vrrp.DropChecksum} {
				if _, write := l.take(dropFrom(sender, why), now); write {
					lines++
				}
			}
		}
	}
	if lines != 6 {
		t.Errorf("%d lines, want 6", lines)
	}
	if suppressed, write := l.take(dropFrom(0, vrrp.DropTTL), now.Add(dropLogEvery)); !write || suppressed != 999 {
		t.Errorf("after the pause: written %v, %d suppressed", write, suppressed)
	}
}

// Invented senders fill neither the memory nor the log, and do not silence
// real ones for ever.
func TestDropLogIsBounded(t *testing.T) {
	l, now := newDropLog(), time.Unix(1000, 0)
	lines := 0
	for n := range 100_000 {
		if _, write := l.take(dropFrom(n, vrrp.DropTTL), now); write {
			lines++
		}
	}
	if lines > dropLogSenders+1 || len(l.states) > dropLogSenders+1 {
		t.Errorf("%d lines, %d senders remembered", lines, len(l.states))
	}
	later := now.Add(dropLogEvery)
	if _, write := l.take(dropFrom(200_000, vrrp.DropChecksum), later); !write {
		t.Error("a new sender is not told of after the flood")
	}
	if n := len(l.states); n > 2 {
		t.Errorf("%d senders remembered after the flood", n)
	}
}

// A rejection that becomes an alarm, because we are master by now, does not
// wait for the pause.
func TestDropLogTellsAlarmsAtOnce(t *testing.T) {
	l, now := newDropLog(), time.Unix(1000, 0)
	d := dropFrom(1, vrrp.DropVRIDClash)
	l.take(d, now)
	d.Alarm = true
	if _, write := l.take(d, now.Add(time.Second)); !write {
		t.Error("the alarm was not written")
	}
}

// TestDropLogForgetsTheSilent: senders of whom something was never told keep no
// place for ever.
func TestDropLogForgetsTheSilent(t *testing.T) {
	l, now := newDropLog(), time.Unix(1000, 0)
	for sender := range dropLogSenders {
		for range 2 { // the second is not told
			l.take(dropFrom(sender, vrrp.DropTTL), now)
		}
	}
	now = now.Add(dropLogMemory)
	first, second := dropFrom(1000, vrrp.DropTTL), dropFrom(1001, vrrp.DropTTL)
	if _, write := l.take(first, now); !write {
		t.Error("the first new sender is not told")
	}
	if _, write := l.take(second, now); !write {
		t.Error("the second new sender is taken for the first")
	}
}
