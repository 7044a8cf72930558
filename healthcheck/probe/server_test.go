package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// listen opens a TCP server on loopback that passes each connection to serve
// in its own goroutine and closes it afterwards.
func listen(t *testing.T, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// hang says nothing until the client closes.
func hang(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// after reads a request's header, then serves.
func after(serve func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		var got []byte
		for buf := make([]byte, 1024); !strings.Contains(string(got), "\r\n\r\n"); {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			got = append(got, buf[:n]...)
		}
		serve(c)
	}
}

// say answers a request with raw bytes.
func say(raw string) func(net.Conn) {
	return after(func(c net.Conn) { _, _ = c.Write([]byte(raw)) })
}

// reset answers with raw bytes and a TCP reset.
func reset(t *testing.T, raw string) func(net.Conn) {
	return after(func(c net.Conn) {
		_, _ = c.Write([]byte(raw))
		time.Sleep(10 * time.Millisecond) // the bytes must arrive before the reset
		if err := c.(*net.TCPConn).SetLinger(0); err != nil {
			t.Error(err)
		}
	})
}

// closedPort returns an address nothing listens on.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// addressOf returns where an httptest server listens.
func addressOf(s *httptest.Server) netip.AddrPort {
	return s.Listener.Addr().(*net.TCPAddr).AddrPort()
}

// page starts an HTTP server with one handler.
func page(t *testing.T, h http.HandlerFunc) netip.AddrPort {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return addressOf(s)
}

// patience is the timeout of probes that are not expected to reach it: a busy
// machine may stand still for seconds.
const patience = 20 * time.Second

// keyOf returns a key with the defaults of kind, a timeout for tests, and
// changes.
func keyOf(kind healthcheck.Kind, target netip.AddrPort, change func(*healthcheck.Settings)) healthcheck.Key {
	k := healthcheck.Key{Target: target, Settings: healthcheck.Defaults(kind), Timing: healthcheck.DefaultTiming()}
	k.Settings.Timeout = patience
	if change != nil {
		change(&k.Settings)
	}
	return k
}

// asking changes the parameters of an HTTP check.
func asking(change func(*healthcheck.HTTP)) func(*healthcheck.Settings) {
	return func(s *healthcheck.Settings) {
		p := s.Params.(healthcheck.HTTP)
		change(&p)
		s.Params = p
	}
}

// short makes a probe of a server that hangs end soon, and late enough that a
// busy machine gets to where it hangs.
func short(s *healthcheck.Settings) { s.Timeout = 300 * time.Millisecond }

// fuse is a context whose time is up when a test says so: what a probe was
// waiting for does not depend on how busy the machine is.
type fuse struct {
	context.Context
	burnt chan struct{}
}

func newFuse(t *testing.T) fuse { return fuse{t.Context(), make(chan struct{})} }

// burnWhen waits until reached reports true, or the test's patience ends, and
// then lets the time be up.
func (f fuse) burnWhen(reached func() bool) {
	for end := time.Now().Add(20 * time.Second); !reached() && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	close(f.burnt)
}

// Done implements context.Context.
func (f fuse) Done() <-chan struct{} { return f.burnt }

// Err implements context.Context.
func (f fuse) Err() error {
	select {
	case <-f.burnt:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// shortFor shortens the timeout of probes that are expected to reach it, and
// leaves others time on a busy machine.
func shortFor(c healthcheck.Class) func(*healthcheck.Settings) {
	if c == healthcheck.ClassTimeout {
		return short
	}
	return nil
}

// expect runs a probe and compares class and reason; a want that ends in "…"
// is the beginning of the reason.
func expect(t *testing.T, p *Prober, k healthcheck.Key, class healthcheck.Class, reason string) healthcheck.Result {
	t.Helper()
	return expectWithin(t, context.Background(), p, k, class, reason)
}

// expectWithin is expect with a context.
func expectWithin(t *testing.T, ctx context.Context, p *Prober, k healthcheck.Key, class healthcheck.Class, reason string) healthcheck.Result {
	t.Helper()
	r := p.Run(ctx, k)
	compareResult(t, k, r, class, reason)
	if p.plan(&k) != nil { // a loop must say the same
		compareResult(t, k, fly(t, looping(t, p), k), class, reason)
	}
	return r
}

func compareResult(t *testing.T, k healthcheck.Key, r healthcheck.Result, class healthcheck.Class, reason string) {
	t.Helper()
	begin, cut := strings.CutSuffix(reason, "…")
	if r.Class != class || cut && !strings.HasPrefix(r.Reason, begin) || !cut && r.Reason != reason {
		t.Errorf("result %s %q, want %s %q", r.Class, r.Reason, class, reason)
	}
	if r.At.IsZero() || r.Duration <= 0 || r.Duration > k.Settings.Timeout+10*time.Second {
		t.Errorf("probe began %v and took %v, timeout %v", r.At, r.Duration, k.Settings.Timeout)
	}
}

// authority is a certificate authority of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = a.sign(template, nil)
	return a
}

// sign makes a certificate from template, by itself when a has none yet.
func (a *authority) sign(template *x509.Certificate, parent *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	signer, signerKey := template, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signerKey)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// issue returns a server certificate for names and loopback, valid until end.
func (a *authority) issue(end time.Time, ips []net.IP, names ...string) tls.Certificate {
	cert, key := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
		DNSNames: names, IPAddresses: ips, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// prober returns one that trusts a.
func (a *authority) prober() *Prober {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return New(Options{Roots: roots})
}

// securePage starts an HTTPS server with one certificate and one handler.
func securePage(t *testing.T, cert tls.Certificate, h http.HandlerFunc) netip.AddrPort {
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = discardLog
	s.StartTLS()
	t.Cleanup(s.Close)
	return addressOf(s)
}
