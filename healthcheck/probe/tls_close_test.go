package probe

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// endless answers every request over TLS with a page that has no length, and
// ends the connection after it, with TLS's closure alert or without.
func endless(t *testing.T, alert bool, header string) netip.AddrPort {
	t.Helper()
	cert := newAuthority(t).issue(time.Now().Add(time.Hour), nil, "a")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				c.Write([]byte("HTTP/1.0 200 OK\r\n" + header + "\r\nhello"))
			}
			if !alert {
				c.(*tls.Conn).NetConn().Close()
			}
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// TestTLSClose: a page may have been cut off when the connection just ends.
func TestTLSClose(t *testing.T) {
	const cut = "the connection ended without TLS's closure alert"
	strict := asking(func(p *healthcheck.HTTP) { p.TLSClose = true })
	for _, tt := range []struct {
		alert  bool
		header string
		change func(*healthcheck.Settings)
		class  healthcheck.Class
		reason string
	}{
		{false, "", nil, healthcheck.ClassOK, "HTTP status 200"},
		{false, "", strict, healthcheck.ClassProtocol, cut},
		{true, "", strict, healthcheck.ClassOK, "HTTP status 200"},
		{false, "Content-Length: 5\r\n", strict, healthcheck.ClassOK, "HTTP status 200"},
	} {
		expect(t, New(Options{}), keyOf(healthcheck.KindHTTPS, endless(t, tt.alert, tt.header), tt.change), tt.class, tt.reason)
	}
}
