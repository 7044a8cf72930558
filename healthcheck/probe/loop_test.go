package probe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// All tests of TCP and HTTP/1.1 run in a loop as well: see expect.

// tell hands results to those who wait for them: the ID of a start is a function.
func tell(ends []healthcheck.End) {
	for _, e := range ends {
		e.ID.(func(healthcheck.Result))(e.Result)
	}
}

// looping starts a loop that ends with the test.
func looping(t testing.TB, p *Prober) *Loop {
	t.Helper()
	l, err := p.NewLoop(func() {}, tell)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { l.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return l
}

// fly runs one probe in a loop.
func fly(t testing.TB, l *Loop, k healthcheck.Key) healthcheck.Result {
	t.Helper()
	return flyAll(t, l, k)[0]
}

// flyAll runs probes in a loop, all at the same time.
func flyAll(t testing.TB, l *Loop, keys ...healthcheck.Key) []healthcheck.Result {
	t.Helper()
	results := make([]healthcheck.Result, len(keys))
	starts := make([]healthcheck.Start, len(keys))
	var all sync.WaitGroup
	for i, k := range keys {
		starts[i] = healthcheck.Start{Key: k, ID: func(r healthcheck.Result) { results[i] = r; all.Done() }}
	}
	all.Add(len(keys))
	l.Begin(starts)
	for _, s := range starts {
		if !s.Begun {
			t.Fatalf("a probe of %s is not for a loop", s.Key.Target)
		}
	}
	all.Wait()
	return results
}

// TestLoopRings: not before the alarm is due, once, and not at all when it was
// taken back; also while a probe waits for its deadline.
func TestLoopRings(t *testing.T) {
	rings := make(chan time.Time, 10)
	l, err := New(Options{}).NewLoop(func() { rings <- time.Now() }, tell)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { l.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	k := keyOf(healthcheck.KindHTTP, silent.Addr().(*net.TCPAddr).AddrPort(), func(s *healthcheck.Settings) { s.Timeout = 60 * time.Millisecond })
	result := make(chan healthcheck.Result, 1)
	l.Begin([]healthcheck.Start{{Key: k, ID: func(r healthcheck.Result) { result <- r }}})

	at := time.Now().Add(30 * time.Millisecond)
	l.Alarm(at.Add(time.Hour))
	l.Alarm(at)
	if rang := <-rings; rang.Before(at) {
		t.Errorf("rang %v early", at.Sub(rang))
	}
	l.Alarm(time.Now())
	<-rings // an alarm of the past is due at once
	l.Alarm(time.Now().Add(10 * time.Millisecond))
	l.Alarm(time.Time{})
	if r := <-result; r.Class != healthcheck.ClassTimeout {
		t.Errorf("result %s %q, want a timeout", r.Class, r.Reason)
	}
	if len(rings) > 0 {
		t.Errorf("rang %d times more", len(rings))
	}
}

// TestLoopTakesSimpleProbesOnly: what needs more stays with Run.
func TestLoopTakesSimpleProbesOnly(t *testing.T) {
	target := netip.MustParseAddrPort("127.0.0.1:80")
	zoned := netip.MustParseAddrPort("[fe80::1%lo]:80")
	for name, k := range map[string]healthcheck.Key{
		"https":     keyOf(healthcheck.KindHTTPS, target, nil),
		"http/2":    keyOf(healthcheck.KindHTTP, target, asking(func(h *healthcheck.HTTP) { h.Version = healthcheck.HTTP2 })),
		"redirects": keyOf(healthcheck.KindHTTP, target, asking(func(h *healthcheck.HTTP) { h.Redirects = 1 })),
		"kept":      keyOf(healthcheck.KindHTTP, target, asking(func(h *healthcheck.HTTP) { h.KeepAlive = true })),
		"dialogue":  keyOf(healthcheck.KindTCP, target, func(s *healthcheck.Settings) { s.Params = healthcheck.TCP{Expect: "a"} }),
		"TLS":       keyOf(healthcheck.KindTCP, target, func(s *healthcheck.Settings) { s.TLS.Mode = healthcheck.TLSOn }),
		"zone":      keyOf(healthcheck.KindTCP, zoned, nil),
		"zone of ours": keyOf(healthcheck.KindTCP, netip.MustParseAddrPort("[2001:db8::1]:80"), func(s *healthcheck.Settings) {
			s.Network.Source = netip.MustParseAddr("fe80::1%lo")
		}),
		"other kind":  keyOf(healthcheck.KindSMTP, target, nil),
		"no address":  keyOf(healthcheck.KindTCP, netip.AddrPort{}, nil),
		"not settled": keyOf("telepathy", target, nil),
	} {
		start := []healthcheck.Start{{Key: k, ID: func(healthcheck.Result) { t.Errorf("%s: there is a result", name) }}}
		if looping(t, New(Options{})).Begin(start); start[0].Begun {
			t.Errorf("%s: a loop took it", name)
		}
	}
}

// TestLoopMany flies healthy, refusing, silent and unreachable targets at the
// same time, again and again: each has its own verdict, and no descriptor is
// left.
func TestLoopMany(t *testing.T) {
	pages, silent := page(t, hello), listen(t, hang)
	closed := closedPort(t)
	l := looping(t, New(Options{}))
	var keys []healthcheck.Key
	var want []healthcheck.Class
	add := func(kind healthcheck.Kind, target netip.AddrPort, class healthcheck.Class, change func(*healthcheck.Settings)) {
		keys, want = append(keys, keyOf(kind, target, change)), append(want, class)
	}
	for range 50 {
		add(healthcheck.KindTCP, pages, healthcheck.ClassOK, nil)
		add(healthcheck.KindHTTP, pages, healthcheck.ClassOK, expecting("alive"))
		add(healthcheck.KindHTTP, pages, healthcheck.ClassBody, expecting("dead"))
		add(healthcheck.KindTCP, closed, healthcheck.ClassRefused, nil)
		add(healthcheck.KindHTTP, silent, healthcheck.ClassTimeout, short)
		add(healthcheck.KindTCP, netip.MustParseAddrPort("255.255.255.255:80"), healthcheck.ClassNetwork, nil)
	}
	before := 0
	for round := range 3 {
		for i, r := range flyAll(t, l, keys...) {
			if r.Class != want[i] {
				t.Errorf("%s of %s: %s %q, want %s", keys[i].Settings.Kind, keys[i].Target, r.Class, r.Reason, want[i])
			}
		}
		if open := descriptors(t, before); round == 0 {
			before = open
		} else if open > before {
			t.Errorf("%d descriptors after the first round, %d after round %d", before, open, round)
		}
	}
}

// TestLoopPaths asks for several pages, each on a connection of its own.
func TestLoopPaths(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	target := page(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		if r.URL.Path == "/c" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	p := New(Options{})
	paths := func(all ...string) func(*healthcheck.Settings) {
		return asking(func(h *healthcheck.HTTP) { h.Paths = healthcheck.ListOf(all...) })
	}
	expect(t, p, keyOf(healthcheck.KindHTTP, target, paths("/a", "/b")), healthcheck.ClassOK, "2 pages, HTTP status 200")
	expect(t, p, keyOf(healthcheck.KindHTTP, target, paths("/a", "/c", "/b")), healthcheck.ClassStatus, "/c: HTTP status 503, expected 200-299")
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 8 { // each of them by Run and by a loop
		t.Errorf("asked for %v", asked)
	}
}

// TestLoopSource leaves from the address that the settings name.
func TestLoopSource(t *testing.T) {
	for _, c := range []struct{ listen, source string }{{"127.0.0.1:0", "127.0.0.7"}, {"[::1]:0", "::1"}} {
		from := make(chan string, 2)
		l, err := net.Listen("tcp", c.listen)
		if err != nil {
			t.Skip(err)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { from <- r.RemoteAddr }))
		s.Listener.Close()
		s.Listener = l
		s.Start()
		defer s.Close()
		expect(t, New(Options{}), keyOf(healthcheck.KindHTTP, addressOf(s), func(s *healthcheck.Settings) {
			s.Network.Source = netip.MustParseAddr(c.source)
		}), healthcheck.ClassOK, "HTTP status 200")
		for range 2 {
			if got := netip.MustParseAddrPort(<-from).Addr().String(); got != c.source {
				t.Errorf("probe came from %s, want %s", got, c.source)
			}
		}
	}
}

// TestLoopEnds: when Run ends nothing is told any more, nothing is left open,
// and nothing more is begun.
func TestLoopEnds(t *testing.T) {
	l, err := New(Options{}).NewLoop(func() {}, tell)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { l.Run(ctx); close(ended) }()
	silent := listen(t, hang)
	before := descriptors(t, 0)
	starts := []healthcheck.Start{{Key: keyOf(healthcheck.KindHTTP, silent, nil), ID: func(healthcheck.Result) { t.Error("there is a result") }}}
	l.Begin(starts)
	cancel()
	<-ended
	if open := descriptors(t, before); open > before {
		t.Errorf("%d descriptors were open before, %d are now", before, open)
	}
	starts[0].Begun = false
	if l.Begin(starts); starts[0].Begun {
		t.Error("a loop that has ended began a probe")
	}
}

// TestLoopIsNotLate lets probes end by their timeout while others go on.
func TestLoopIsNotLate(t *testing.T) {
	l, silent := looping(t, New(Options{})), listen(t, hang)
	var keys []healthcheck.Key
	for i := range 40 {
		keys = append(keys, keyOf(healthcheck.KindHTTP, silent, func(s *healthcheck.Settings) { s.Timeout = time.Duration(1+i*7%40) * 10 * time.Millisecond }))
	}
	for i, r := range flyAll(t, l, keys...) {
		if r.Class != healthcheck.ClassTimeout || r.Duration < keys[i].Settings.Timeout {
			t.Errorf("probe with timeout %v: %s %q after %v", keys[i].Settings.Timeout, r.Class, r.Reason, r.Duration)
		}
	}
}

func BenchmarkLoopTCP(b *testing.B)  { benchmarkLoop(b, healthcheck.KindTCP) }
func BenchmarkLoopHTTP(b *testing.B) { benchmarkLoop(b, healthcheck.KindHTTP) }

// benchmarkLoop makes ten probes at a time, as a runner does.
func benchmarkLoop(b *testing.B, kind healthcheck.Kind) {
	s := httptest.NewServer(http.HandlerFunc(hello))
	defer s.Close()
	l := looping(b, New(Options{}))
	keys := make([]healthcheck.Key, 10)
	for i := range keys {
		keys[i] = keyOf(kind, addressOf(s), nil)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range flyAll(b, l, keys...) {
			if !r.OK() {
				b.Fatal(r)
			}
		}
	}
}

// TestLoopOurTrouble: what this machine lacks says nothing about servers.
func TestLoopOurTrouble(t *testing.T) {
	l := looping(t, New(Options{}))
	k := keyOf(healthcheck.KindTCP, listen(t, hang), func(s *healthcheck.Settings) { s.Network.Interface = "nonexistent0" })
	r := fly(t, l, k)
	if r.Class != healthcheck.ClassInternal || r.Reason != "use interface nonexistent0: no such device" {
		t.Errorf("result %s %q", r.Class, r.Reason)
	}
}
