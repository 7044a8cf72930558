package healthcheck

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// keySchedule names keys by themselves.
type keySchedule struct{ *Schedule[Key] }

func newKeySchedule() keySchedule { return keySchedule{NewSchedule[Key]()} }

func (s keySchedule) Add(k Key, now time.Time)  { s.Schedule.Add(k, k, now, learnWithin) }
func (s keySchedule) Done(k Key, now time.Time) { s.Schedule.Done(k, now, k.Timing.Interval) }

func at(d time.Duration) time.Time { return epoch.Add(d) }

// numbered returns different keys for different n.
func numbered(n int, interval time.Duration) Key {
	return Key{
		Target:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 80),
		Settings: Defaults(KindTCP),
		Timing:   Timing{Interval: interval, Rise: 1, Fall: 1},
	}
}

// run lets probes of length takes happen until end and returns the starts of
// each key. Probes end in the order of their start.
func run(s keySchedule, from, end time.Time, takes time.Duration) map[Key][]time.Time {
	type probe struct {
		key Key
		end time.Time
	}
	starts := map[Key][]time.Time{}
	var flying []probe
	for now := from; now.Before(end); {
		for len(flying) > 0 && !flying[0].end.After(now) {
			s.Done(flying[0].key, now)
			flying = flying[1:]
		}
		for _, k := range s.Due(now, 1<<30) {
			starts[k] = append(starts[k], now)
			flying = append(flying, probe{k, now.Add(takes)})
		}
		next, ok := s.Next()
		if len(flying) > 0 && (!ok || flying[0].end.Before(next)) {
			next = flying[0].end
		}
		now = next
	}
	return starts
}

func TestFirstProbeComesSoon(t *testing.T) {
	tests := []struct{ interval, within time.Duration }{
		{time.Hour, time.Second},
		{time.Second, time.Second},
		{200 * time.Millisecond, 200 * time.Millisecond},
		{0, 1}, // nonsense that validation would refuse
	}
	for _, tt := range tests {
		t.Run(tt.interval.String(), func(t *testing.T) {
			s := newKeySchedule()
			for n := range 1000 {
				s.Add(numbered(n, tt.interval), epoch)
			}
			for n := range 1000 {
				if slot, ok := s.NextOf(numbered(n, tt.interval)); !ok || !slot.Before(at(tt.within)) {
					t.Errorf("key %d is due after %v, want within %v", n, slot.Sub(epoch), tt.within)
				}
			}
		})
	}
}

func TestSlotsAreTheSameEverywhere(t *testing.T) {
	a, b := newKeySchedule(), newKeySchedule()
	a.Add(numbered(1, time.Minute), epoch)
	b.Add(numbered(2, time.Minute), epoch)
	b.Add(numbered(1, time.Minute), epoch)
	x, _ := a.NextOf(numbered(1, time.Minute))
	y, _ := b.NextOf(numbered(1, time.Minute))
	if !x.Equal(y) || !x.After(epoch) {
		t.Errorf("slots %v and %v of one key", x, y)
	}
}

// TestSpread counts starts in tenths, early and late: first within the time
// for learning, later over the whole interval.
func TestSpread(t *testing.T) {
	const keys, interval = 10_000, time.Minute
	s := newKeySchedule()
	for n := range keys {
		s.Add(numbered(n, interval), epoch)
	}
	starts := run(s, epoch, at(5*interval), 10*time.Millisecond)
	var first, second, settled [10]int
	for _, all := range starts {
		first[all[0].Sub(epoch)/(learnWithin/10)]++
		second[all[1].Sub(at(learnWithin))/(interval/10)]++
		settled[all[3].Sub(epoch)%interval/(interval/10)]++
	}
	for i := range 10 {
		for round, n := range map[string]int{"first": first[i], "second": second[i], "settled": settled[i]} {
			if n < keys/10*8/10 || n > keys/10*12/10 {
				t.Errorf("%d probes of the %s round in its tenth %d, want about %d", n, round, i, keys/10)
			}
		}
	}
}

// TestStartsOfManyKeys counts the starts of every second from the beginning on:
// a daemon that has just begun never asks for more than it will always ask for,
// or than it may to learn.
func TestStartsOfManyKeys(t *testing.T) {
	const interval = 10 * time.Second
	for _, keys := range []int{500, 5000, 10_000, 30_000} {
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			s := newKeySchedule()
			for n := range keys {
				k := numbered(n, interval)
				s.Schedule.Add(k, k, epoch, LearnWithin(keys))
			}
			var seconds [50]int
			for _, all := range run(s, epoch, at(50*time.Second), 10*time.Millisecond) {
				if late := all[0].Sub(epoch); late >= LearnWithin(keys) || late >= interval {
					t.Fatalf("a first probe after %v", late)
				}
				for _, start := range all {
					seconds[start.Sub(epoch)/time.Second]++
				}
			}
			bound := max(min(keys, learnRate), keys/10) * 12 / 10
			for i, n := range seconds {
				if n > bound {
					t.Errorf("%d probes in second %d, want at most %d", n, i, bound)
				}
			}
		})
	}
}

func TestGaps(t *testing.T) {
	tests := []struct {
		interval, takes time.Duration
		gap             time.Duration // from the third probe on
	}{
		{time.Second, 0, time.Second},
		{time.Minute, 3 * time.Second, time.Minute},
		{time.Second, time.Second, time.Second},
		{time.Second, time.Second + 1, 2 * time.Second},
		{time.Second, 2500 * time.Millisecond, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v/%v", tt.interval, tt.takes), func(t *testing.T) {
			s := newKeySchedule()
			for n := range 100 {
				s.Add(numbered(n, tt.interval), epoch)
			}
			for _, starts := range run(s, epoch, at(10*tt.interval), tt.takes) {
				for i := 1; i < len(starts); i++ {
					gap := starts[i].Sub(starts[i-1])
					if i > 1 && gap != tt.gap || i == 1 && (gap < learnWithin || gap > tt.gap) {
						t.Fatalf("gap %d is %v, want %v", i, gap, tt.gap)
					}
				}
			}
		})
	}
}

func TestDueIsOldestFirstAndLimited(t *testing.T) {
	s := newKeySchedule()
	for n := range 50 {
		s.Add(numbered(n, lateMost), epoch)
	}
	var last time.Time
	slots := map[Key]time.Time{}
	for n := range 50 {
		slots[numbered(n, lateMost)], _ = s.NextOf(numbered(n, lateMost))
	}
	if due := s.Due(at(lateMost-time.Nanosecond), 0); due != nil {
		t.Errorf("%d keys due with limit 0", len(due))
	}
	for range 50 {
		due := s.Due(at(lateMost-time.Nanosecond), 1)
		if len(due) != 1 {
			t.Fatalf("%d keys due with limit 1", len(due))
		}
		if slots[due[0]].Before(last) {
			t.Fatal("a younger slot was served before an older one")
		}
		last = slots[due[0]]
	}
}

func TestRemove(t *testing.T) {
	s := newKeySchedule()
	waiting, running := numbered(1, time.Second), numbered(2, time.Second)
	s.Add(running, epoch)
	s.Due(at(time.Second), 1)
	s.Add(waiting, at(time.Second))
	s.Remove(waiting)
	s.Remove(running)
	s.Remove(numbered(3, time.Second)) // was never there
	s.Done(running, at(2*time.Second))
	if _, ok := s.Next(); ok || s.Len() != 0 {
		t.Errorf("%d keys left, one waits: %v", s.Len(), ok)
	}
}

func TestAddTwiceChangesNothing(t *testing.T) {
	s := newKeySchedule()
	k := numbered(1, time.Second)
	s.Add(k, epoch)
	before, _ := s.NextOf(k)
	s.Add(k, at(500*time.Millisecond))
	if after, _ := s.NextOf(k); after != before || s.Len() != 1 {
		t.Errorf("slot moved from %v to %v, %d keys", before, after, s.Len())
	}
}

func TestDoneOfAKeyThatDoesNotRun(t *testing.T) {
	s := newKeySchedule()
	k := numbered(1, time.Second)
	s.Done(k, epoch) // unknown
	s.Add(k, epoch)
	before, _ := s.NextOf(k)
	s.Done(k, epoch)
	if after, _ := s.NextOf(k); after != before || len(s.queue) != 1 {
		t.Errorf("slot moved from %v to %v, %d waiting", before, after, len(s.queue))
	}
}

func TestRunningKeyHasNoSlot(t *testing.T) {
	s := newKeySchedule()
	k := numbered(1, time.Second)
	s.Add(k, epoch)
	s.Due(at(time.Second), 1)
	if next, ok := s.NextOf(k); ok {
		t.Errorf("slot %v while running", next)
	}
	if _, ok := s.NextOf(numbered(2, time.Second)); ok {
		t.Error("an unknown key has a slot")
	}
}

func TestClockStepsBack(t *testing.T) {
	s := newKeySchedule()
	waiting, running := numbered(1, time.Second), numbered(2, time.Second)
	s.Add(running, epoch)
	s.Due(at(time.Second), 1)
	s.Add(waiting, at(time.Second))
	slot, _ := s.NextOf(waiting)
	s.Due(at(time.Second-time.Hour), 1)
	if got, _ := s.NextOf(waiting); !got.Equal(slot.Add(-time.Hour)) {
		t.Errorf("waiting key moved to %v, want one hour before %v", got, slot)
	}
	s.Done(running, at(time.Second-time.Hour))
	if got, _ := s.NextOf(running); got.After(at(2*time.Second - time.Hour)) {
		t.Errorf("key that ran waits until %v", got)
	}
}

// TestLateCaller: after an hour in which nobody asked, the keys go on in their
// order and at their distances, as if it had not been.
func TestLateCaller(t *testing.T) {
	for _, late := range []time.Duration{lateMost + 100*time.Millisecond, time.Hour} {
		t.Run(late.String(), func(t *testing.T) {
			const keys, interval = 1000, 10 * time.Second
			s, twin := newKeySchedule(), newKeySchedule()
			for n := range keys {
				s.Add(numbered(n, interval), epoch)
				twin.Add(numbered(n, interval), epoch)
			}
			run(s, epoch, at(3*interval), 0)
			run(twin, epoch, at(3*interval), 0)
			next, _ := s.Next()
			next = next.Add(late)
			punctual := run(twin, next.Add(-late), at(6*interval), 0)
			for k, all := range run(s, next, at(6*interval).Add(late), 0) {
				if len(all) != len(punctual[k]) {
					t.Fatalf("%d probes, %d without the pause", len(all), len(punctual[k]))
				}
				for i := range all {
					if got, want := all[i].Sub(next), punctual[k][i].Sub(next.Add(-late)); got != want {
						t.Fatalf("probe %d comes %v after the pause, want %v", i, got, want)
					}
				}
			}
		})
	}
}

// TestScheduleProperties drives a schedule at random and holds it to its
// promises: a key runs at most once at a time, never before its slot, and
// whatever the clock did, it is due again within one interval of the end of
// its run.
func TestScheduleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := newKeySchedule(), epoch
		running := map[Key]bool{}
		key := func() Key {
			return numbered(rapid.IntRange(0, 5).Draw(t, "n"),
				time.Duration(rapid.SampledFrom([]int{10, 1000, 7000}).Draw(t, "interval"))*time.Millisecond)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(*rapid.T) {
				k := key()
				s.Add(k, now)
				if slot, ok := s.NextOf(k); ok && slot.Sub(now) > k.Timing.Interval {
					t.Fatalf("slot in %v at an interval of %v", slot.Sub(now), k.Timing.Interval)
				}
			},
			"remove": func(*rapid.T) {
				k := key()
				s.Remove(k)
				delete(running, k)
			},
			"due": func(*rapid.T) {
				for _, k := range s.Due(now, rapid.IntRange(0, 4).Draw(t, "limit")) {
					if running[k] {
						t.Fatalf("%v runs already", k.Target)
					}
					running[k] = true
				}
			},
			"done": func(*rapid.T) {
				for k := range running {
					s.Done(k, now)
					slot, ok := s.NextOf(k)
					if wait := slot.Sub(now); !ok || wait < 0 || wait > k.Timing.Interval {
						t.Fatalf("next slot in %v at an interval of %v", wait, k.Timing.Interval)
					}
					delete(running, k)
				}
			},
			"time": func(*rapid.T) {
				step := rapid.Int64Range(-int64(5*time.Second), int64(20*time.Second)).Draw(t, "step")
				now = now.Add(time.Duration(step))
				s.Due(now, 0)
			},
			"": func(*rapid.T) {
				if waiting := len(s.queue); waiting+len(running) != s.Len() {
					t.Fatalf("%d waiting + %d running of %d", waiting, len(running), s.Len())
				}
			},
		})
	})
}

func BenchmarkSchedule10000(b *testing.B) {
	s := newKeySchedule()
	for n := range 10_000 {
		s.Add(numbered(n, time.Second), epoch)
	}
	b.ReportAllocs()
	for b.Loop() {
		next, _ := s.Next()
		for _, k := range s.Due(next, 1) {
			s.Done(k, next)
		}
	}
}
