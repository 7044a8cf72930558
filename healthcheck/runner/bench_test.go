package runner

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// benchKeys returns n keys at an interval of one second.
func benchKeys(n int) []healthcheck.Key {
	var keys []healthcheck.Key
	for i := range n {
		keys = append(keys, healthcheck.Key{
			Target:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80),
			Settings: healthcheck.Defaults(healthcheck.KindHTTP),
			Timing:   healthcheck.Timing{Interval: time.Second, Rise: 1, Fall: 2},
		})
	}
	return keys
}

// BenchmarkProbe10000 is what the runner itself adds to each probe, with
// 10,000 keys: take-off, landing, health, history, schedule.
func BenchmarkProbe10000(b *testing.B) {
	s := newState(New(Options{}).options)
	before := heap()
	now := time.Now()
	s.apply(benchKeys(10_000), now)
	b.ReportAllocs()
	for b.Loop() {
		now, _ = s.next()
		for _, f := range s.takeOff(now) {
			s.land(f, healthcheck.Result{At: now, Class: healthcheck.ClassOK}, now)
		}
	}
	b.ReportMetric(float64(heap()-before)/10_000, "bytes/key")
	runtime.KeepAlive(s)
}

// BenchmarkApply10000 is a reload that changes nothing.
func BenchmarkApply10000(b *testing.B) {
	s := newState(New(Options{}).options)
	keys, now := benchKeys(10_000), time.Now()
	s.apply(keys, now)
	for b.Loop() {
		s.apply(keys, now)
	}
}

// BenchmarkStatus10000 is a snapshot, during which no probe takes off.
func BenchmarkStatus10000(b *testing.B) {
	s := newState(New(Options{}).options)
	s.apply(benchKeys(10_000), time.Now())
	for b.Loop() {
		s.status()
	}
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
