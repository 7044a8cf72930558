package probe

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// discardLog keeps servers quiet about handshakes that tests break on purpose.
var discardLog = log.New(io.Discard, "", 0)

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Still alive") }

// verifying asks for verification, with a virtual host.
func verifying(host string) func(*healthcheck.Settings) {
	return func(s *healthcheck.Settings) {
		s.TLS.Verify = true
		asking(func(p *healthcheck.HTTP) { p.VirtualHost = host })(s)
	}
}

func TestHTTPSVerification(t *testing.T) {
	ca := newAuthority(t)
	later := time.Now().Add(time.Hour)
	named := securePage(t, ca.issue(later, nil, "www.example.com"), hello)
	numbered := securePage(t, ca.issue(later, []net.IP{net.IPv4(127, 0, 0, 1)}), hello)
	expired := securePage(t, ca.issue(time.Now().Add(-time.Minute), nil, "www.example.com"), hello)
	trusting, system := ca.prober(), New(Options{})
	const ok, failed = healthcheck.ClassOK, healthcheck.ClassTLS
	tests := []struct {
		name   string
		prober *Prober
		key    healthcheck.Key
		class  healthcheck.Class
		reason string
	}{
		{"not verified", system, keyOf(healthcheck.KindHTTPS, named, expecting("alive")), ok, "HTTP status 200"},
		{"expired, not verified", system, keyOf(healthcheck.KindHTTPS, expired, nil), ok, "HTTP status 200"},
		{"right name", trusting, keyOf(healthcheck.KindHTTPS, named, verifying("www.example.com")), ok, "HTTP status 200"},
		{"right name with port", trusting, keyOf(healthcheck.KindHTTPS, named, verifying("www.example.com:443")), ok,
			"HTTP status 200"},
		{"server name before virtual host", trusting, keyOf(healthcheck.KindHTTPS, named, func(s *healthcheck.Settings) {
			verifying("other.example.com")(s)
			s.TLS.ServerName = "www.example.com"
		}), ok, "HTTP status 200"},
		{"right address", trusting, keyOf(healthcheck.KindHTTPS, numbered, verifying("")), ok, "HTTP status 200"},
		{"wrong name", trusting, keyOf(healthcheck.KindHTTPS, named, verifying("other.example.com")), failed,
			"certificate not accepted: x509: certificate is valid for www.example.com, not other.example.com"},
		{"wrong address", trusting, keyOf(healthcheck.KindHTTPS, named, verifying("")), failed,
			"certificate not accepted: x509: cannot validate certificate for 127.0.0.1…"},
		{"unknown authority", system, keyOf(healthcheck.KindHTTPS, named, verifying("www.example.com")), failed,
			"certificate not accepted: x509: certificate signed by unknown authority…"},
		{"expired", trusting, keyOf(healthcheck.KindHTTPS, expired, verifying("www.example.com")), failed,
			"certificate not accepted: x509: certificate has expired…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.prober, tt.key, tt.class, tt.reason) })
	}
}

// TestCertificateThatEndsSoon: whether it is verified or not.
func TestCertificateThatEndsSoon(t *testing.T) {
	ca := newAuthority(t)
	end := time.Now().Add(10*24*time.Hour + time.Hour)
	good := securePage(t, ca.issue(end, nil, "www.example.com"), hello)
	expired := securePage(t, ca.issue(time.Now().Add(-time.Minute), nil, "www.example.com"), hello)
	for _, verify := range []bool{false, true} {
		within := func(days int) func(*healthcheck.Settings) {
			return func(s *healthcheck.Settings) {
				verifying("www.example.com")(s)
				s.TLS.Verify, s.TLS.MinDays = verify, days
			}
		}
		p := ca.prober()
		expect(t, p, keyOf(healthcheck.KindHTTPS, good, within(10)), healthcheck.ClassOK, "HTTP status 200")
		expect(t, p, keyOf(healthcheck.KindHTTPS, good, within(11)), healthcheck.ClassTLS,
			"certificate ends on "+end.UTC().Format(time.DateOnly)+", in 10 days; 11 are wanted")
		if !verify {
			expect(t, p, keyOf(healthcheck.KindHTTPS, expired, within(1)), healthcheck.ClassTLS, "certificate ended on…")
		}
	}
}

// TestHTTPSNames looks at what the server learns from the hello and from the
// request.
func TestHTTPSNames(t *testing.T) {
	var hello, host string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host = r.Host }))
	s.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello = h.ServerName
		return nil, nil
	}}
	s.StartTLS()
	defer s.Close()
	target := addressOf(s)
	tests := []struct{ name, vhost, sni, hello, host string }{
		{"nothing said", "", "", "", target.String()},
		{"virtual host", "www.example.com", "", "www.example.com", "www.example.com"},
		{"virtual host with port", "www.example.com:8443", "", "www.example.com", "www.example.com:8443"},
		{"server name", "", "a.example.com", "a.example.com", target.String()},
		{"both", "www.example.com", "a.example.com", "a.example.com", "www.example.com"},
		{"virtual host is an address", "10.0.0.1", "", "", "10.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hello, host = "?", "?"
			k := keyOf(healthcheck.KindHTTPS, target, func(s *healthcheck.Settings) {
				s.TLS.ServerName = tt.sni
				asking(func(p *healthcheck.HTTP) { p.VirtualHost = tt.vhost })(s)
			})
			expect(t, New(Options{}), k, healthcheck.ClassOK, "HTTP status 200")
			if hello != tt.hello || host != tt.host {
				t.Errorf("server saw hello %q and Host %q, want %q and %q", hello, host, tt.hello, tt.host)
			}
		})
	}
}

func TestHTTPSHandshakeFailures(t *testing.T) {
	tests := []struct {
		name   string
		serve  func(net.Conn)
		class  healthcheck.Class
		reason string
	}{
		{"says nothing", hang, healthcheck.ClassTimeout, "no TLS handshake within 300ms"},
		{"speaks plain HTTP", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		}, healthcheck.ClassTLS, "tls: first record does not look like a TLS handshake"},
		{"closes", func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }, healthcheck.ClassTLS,
			"connection closed by the server while waiting for the TLS handshake"},
		{"speaks only what is obsolete", func(c net.Conn) {
			old := &tls.Config{MaxVersion: tls.VersionTLS10, MinVersion: tls.VersionTLS10}
			_ = tls.Server(c, old).Handshake()
		}, healthcheck.ClassTLS, "remote error: tls: protocol version not supported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := keyOf(healthcheck.KindHTTPS, listen(t, tt.serve), shortFor(tt.class))
			expect(t, New(Options{}), k, tt.class, tt.reason)
		})
	}
}

// TestHTTPSAddressesAreTheTargets probes two targets with the same settings:
// each is verified against its own address.
func TestHTTPSAddressesAreTheTargets(t *testing.T) {
	ca := newAuthority(t)
	p := ca.prober()
	for _, ip := range []string{"127.0.0.1", "127.0.0.2"} {
		l, err := net.Listen("tcp", ip+":0")
		if err != nil {
			t.Fatal(err)
		}
		cert := ca.issue(time.Now().Add(time.Hour), []net.IP{net.ParseIP(ip)})
		s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
		s.Listener.Close()
		s.Listener, s.TLS = l, &tls.Config{Certificates: []tls.Certificate{cert}}
		s.StartTLS()
		defer s.Close()
		expect(t, p, keyOf(healthcheck.KindHTTPS, addressOf(s), verifying("")), healthcheck.ClassOK, "HTTP status 200")
	}
}

func TestHTTPSPhases(t *testing.T) {
	target := securePage(t, newAuthority(t).issue(time.Now().Add(time.Hour), nil, "a"), hello)
	r := expect(t, New(Options{}), keyOf(healthcheck.KindHTTPS, target, nil), healthcheck.ClassOK, "HTTP status 200")
	if r.Connect <= 0 || r.TLS <= 0 || r.First <= 0 || r.Connect+r.TLS+r.First > r.Duration {
		t.Errorf("phases of %+v", r)
	}
}
