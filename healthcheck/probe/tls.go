package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// clientConfig returns the TLS configuration of settings, which speaks one of
// the protocols alpn, if any. Its ServerName is host where the settings have
// none, and empty when the target's address has to stand in.
//
// Session tickets are not kept from one probe to the next: a resumed session
// would not show the server's certificate, and a check pays for a whole
// handshake so that it tests one.
func clientConfig(s healthcheck.Settings, o Options, host string, alpn ...string) *tls.Config {
	name := s.TLS.ServerName
	if name == "" {
		name = hostname(host)
	}
	c := &tls.Config{
		ServerName: name,
		RootCAs:    o.Roots,
		// The operator's choice: real servers often have a certificate for
		// a name that no client of theirs uses directly.
		InsecureSkipVerify: !s.TLS.Verify,
		NextProtos:         alpn,
		MinVersion:         tls.VersionTLS12,
	}
	if s.TLS.MinDays > 0 {
		c.VerifyConnection = func(now tls.ConnectionState) error {
			return judgeExpiry(now.PeerCertificates[0].NotAfter, time.Now(), s.TLS.MinDays)
		}
	}
	if s.TLS.Certificate != "" {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return ownCertificate(s.TLS) }
	}
	return c
}

// resumable returns a configuration with which a further connection of the same
// probe goes on with the session of the first one. FTP servers want that of a
// data connection, so that no stranger takes it.
func resumable(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return c
}

// ownCertificate reads what is shown to a server that asks. What is wrong with
// it says nothing about the server.
func ownCertificate(t healthcheck.TLS) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
	if err != nil {
		return nil, &failure{healthcheck.ClassInternal, fmt.Sprintf("certificate %s: %v", t.Certificate, err)}
	}
	return &c, nil
}

// hostname returns a Host field without its port.
func hostname(host string) string {
	u := url.URL{Host: host}
	return u.Hostname()
}

// addressName is the server name of a target that has none: its address.
func addressName(k healthcheck.Key) string { return spoken(k.Target).Addr().String() }

// handshake starts TLS on conn. An address as server name is verified against
// the certificate's addresses and not sent (RFC 6066 section 3).
func handshake(ctx context.Context, a *attempt, conn net.Conn, c *tls.Config) (*tls.Conn, error) {
	defer a.enter(phaseTLS, &a.result.TLS)()
	if c.ServerName == "" {
		c = c.Clone()
		c.ServerName = addressName(a.key)
	}
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, tlsFailure(err)
	}
	return secure, nil
}

// judgeExpiry refuses a certificate that ends too soon.
func judgeExpiry(end, now time.Time, days int) error {
	left := end.Sub(now)
	if left >= time.Duration(days)*24*time.Hour {
		return nil
	}
	reason := fmt.Sprintf("certificate ends on %s, in %d days; %d are wanted", end.UTC().Format(time.DateOnly), int(left.Hours()/24), days)
	if left < 0 {
		reason = "certificate ended on " + end.UTC().Format(time.DateOnly)
	}
	return &failure{healthcheck.ClassTLS, reason}
}

// tlsFailure rewords what crypto/tls says about a certificate; other errors
// are returned as they are.
func tlsFailure(err error) error {
	if rest, ok := strings.CutPrefix(err.Error(), "tls: failed to verify certificate: "); ok {
		return &failure{healthcheck.ClassTLS, "certificate not accepted: " + rest}
	}
	return err
}
