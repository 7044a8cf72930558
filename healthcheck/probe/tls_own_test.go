package probe

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// written puts a certificate and its key into files.
func written(t *testing.T, c tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	for path, block := range map[string]*pem.Block{
		certificate: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "EC PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// TestHTTPSOwnCertificate shows a certificate to servers that want one.
func TestHTTPSOwnCertificate(t *testing.T) {
	ca := newAuthority(t)
	later := time.Now().Add(time.Hour)
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue(later, nil, "www.example.com")}, ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = discardLog
	server.StartTLS()
	defer server.Close()
	careless := securePage(t, ca.issue(later, nil, "www.example.com"), hello)
	certificate, key := written(t, ca.issue(later, nil, "director"))
	showing := func(certificate, key string) func(*healthcheck.Settings) {
		return func(s *healthcheck.Settings) { s.TLS.Certificate, s.TLS.Key = certificate, key }
	}
	p := New(Options{})
	expect(t, p, keyOf(healthcheck.KindHTTPS, addressOf(server), showing(certificate, key)), healthcheck.ClassOK, "HTTP status 200")
	expect(t, p, keyOf(healthcheck.KindHTTPS, addressOf(server), nil), healthcheck.ClassProtocol, "remote error: tls: certificate required")
	expect(t, p, keyOf(healthcheck.KindHTTPS, addressOf(server), showing("/nowhere/c.pem", key)), healthcheck.ClassInternal,
		"certificate /nowhere/c.pem: open /nowhere/c.pem: no such file or directory")
	expect(t, p, keyOf(healthcheck.KindHTTPS, careless, showing("/nowhere/c.pem", key)), healthcheck.ClassOK, "HTTP status 200")
}
