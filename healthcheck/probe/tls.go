package probe

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// clientConfig returns the TLS configuration of settings. Its ServerName is
// empty when the target's address has to stand in.
//
// Session tickets are not kept: a resumed session would not show the server's
// certificate, and a check pays for a whole handshake so that it tests one.
func clientConfig(s healthcheck.Settings, o Options) *tls.Config {
	name := s.SNI
	if name == "" {
		name = hostname(s.VirtualHost)
	}
	return &tls.Config{
		ServerName: name,
		RootCAs:    o.Roots,
		// The operator's choice: real servers often have a certificate for
		// a name that no client of theirs uses directly.
		InsecureSkipVerify: !s.VerifyTLS,
		NextProtos:         []string{"http/1.1"},
	}
}

// hostname returns a Host field without its port.
func hostname(host string) string {
	u := url.URL{Host: host}
	return u.Hostname()
}

// handshake starts TLS on conn. An address as server name is verified against
// the certificate's addresses and not sent (RFC 6066 section 3).
func handshake(ctx context.Context, a *attempt, conn net.Conn, c *tls.Config) (net.Conn, error) {
	defer a.enter(phaseTLS, &a.result.TLS)()
	if c.ServerName == "" {
		c = c.Clone()
		c.ServerName = a.key.Target.Addr().Unmap().String()
	}
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, tlsFailure(err)
	}
	return secure, nil
}

// tlsFailure rewords what crypto/tls says about a certificate; other errors
// are returned as they are.
func tlsFailure(err error) error {
	if rest, ok := strings.CutPrefix(err.Error(), "tls: failed to verify certificate: "); ok {
		return &failure{healthcheck.ClassTLS, "certificate not accepted: " + rest}
	}
	return err
}
