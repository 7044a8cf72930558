package daemon

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
	checks "github.com/vipd/vipd/healthcheck/runner"
)

// TestTenThousandTargetsDieAtOnce: some refuse, some say nothing any more. The
// verdicts change, within what the timing says and a margin for slow machines,
// once each; descriptors, goroutines and memory are bounded, and all of them
// are given back when everything is well again.
func TestTenThousandTargetsDieAtOnce(t *testing.T) {
	const refusing, silent = 9000, 1000
	farm := newFarm(t)
	var keys []healthcheck.Key
	add := func(n int, kind healthcheck.Kind, port uint16) {
		s := healthcheck.Defaults(kind)
		s.Timeout = 3 * time.Second
		for i := range n {
			address := netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)})
			keys = append(keys, healthcheck.Key{
				Target: netip.AddrPortFrom(address, port), Settings: s,
				Timing: healthcheck.Timing{Interval: 6 * time.Second, Rise: 1, Fall: 2, Retry: time.Second, Warmup: 5 * time.Second},
			})
		}
	}
	add(refusing, healthcheck.KindTCP, farm.closing)
	add(silent, healthcheck.KindHTTP, farm.hanging)

	source := newProbeSource()
	var changes atomic.Int64
	probes := source.newProbes(func(checks.Update) { changes.Add(1) })
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { source.serve(ctx) })
	work.Go(func() { _ = probes.Run(ctx) })
	defer work.Wait()
	defer cancel()
	goroutines := runtime.NumGoroutine()
	probes.Apply(keys)

	await := func(v healthcheck.Verdict) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
			missing := 0
			for _, s := range probes.Status() {
				if s.Verdict != v {
					missing++
				}
			}
			if missing == 0 {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d of %d targets are not %s", missing, len(keys), v)
			}
		}
	}
	await(healthcheck.Up)
	farm.die()
	died := time.Now()
	await(healthcheck.Down)
	t.Logf("all down after %v", time.Since(died))
	if n := runtime.NumGoroutine() - farm.serving(); n > goroutines+20 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	farm.live(t)
	await(healthcheck.Up)
	// On a busy machine some are late and die once more.
	if got, least := changes.Load(), int64(3*len(keys)); got < least || got > 2*least {
		t.Errorf("%d changes of verdict, want %d", got, least)
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if memory.HeapAlloc > 100<<20 {
		t.Errorf("%d MB of heap", memory.HeapAlloc>>20)
	}
	probes.Apply(nil)
	for end := time.Now().Add(30 * time.Second); openFiles(t) > farm.before+20; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d files were open before, %d are", farm.before, openFiles(t))
		}
	}
}

// farm is real servers on all addresses of 127.1.0.0/16: a port that can be
// closed, and one that can fall silent.
type farm struct {
	closing, hanging uint16
	before           int // open files
	listeners        []net.Listener
	hung             atomic.Bool
	conns            atomic.Int64
}

func newFarm(t *testing.T) *farm {
	f := &farm{before: openFiles(t)}
	f.closing = f.listen(t, 0, func(net.Conn) {})
	f.hanging = f.listen(t, 0, func(c net.Conn) {
		buf := make([]byte, 1024)
		if _, err := c.Read(buf); err == nil && !f.hung.Load() {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			return
		}
		_, _ = io.Copy(io.Discard, c)
	})
	t.Cleanup(func() {
		for _, l := range f.listeners {
			l.Close()
		}
	})
	return f
}

func (f *farm) listen(t *testing.T, port uint16, serve func(net.Conn)) uint16 {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	f.listeners = append(f.listeners, l)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.conns.Add(1)
			go func() {
				defer f.conns.Add(-1)
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

func (f *farm) die() {
	f.hung.Store(true)
	f.listeners[0].Close()
}

func (f *farm) live(t *testing.T) {
	f.hung.Store(false)
	f.listen(t, f.closing, func(net.Conn) {})
}

// serving counts the goroutines of connections.
func (f *farm) serving() int { return int(f.conns.Load()) }

func openFiles(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
