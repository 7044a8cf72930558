package probe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/vipd/vipd/healthcheck"
)

// The figures of these benchmarks include the server, which is in the same
// process.

func benchmark(b *testing.B, k healthcheck.Key) {
	p := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		if r := p.Run(context.Background(), k); r.Class != healthcheck.ClassOK {
			b.Fatalf("result %s %q", r.Class, r.Reason)
		}
	}
}

func BenchmarkTCP(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	benchmark(b, keyOf(healthcheck.KindTCP, l.Addr().(*net.TCPAddr).AddrPort(), nil))
}

func BenchmarkHTTP(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(hello))
	defer s.Close()
	benchmark(b, keyOf(healthcheck.KindHTTP, addressOf(s), expecting("Still alive")))
}

func BenchmarkHTTPS(b *testing.B) {
	s := httptest.NewTLSServer(http.HandlerFunc(hello))
	defer s.Close()
	benchmark(b, keyOf(healthcheck.KindHTTPS, addressOf(s), nil))
}
