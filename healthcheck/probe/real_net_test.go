package probe

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

func TestRealNSD(t *testing.T) {
	s := newRealServer(t, "nsd")
	target := closedPort(t)
	s.file("example.zone", `$ORIGIN example.com.
$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
www IN A 192.0.2.80
www IN AAAA 2001:db8::80
@ IN TXT "Still alive"
`)
	conf := s.file("nsd.conf", `
server:
  ip-address: 127.0.0.1@`+portText(target)+`
  username: ""
  zonesdir: "DIR"
  zonelistfile: "DIR/zone.list"
  xfrdfile: "DIR/xfrd.state"
  xfrdir: "DIR"
  pidfile: ""
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: example.com
  zonefile: example.zone
`)
	s.start(listening(target), "nsd", "-d", "-c", conf)
	ask := func(name, kind string, change func(*healthcheck.DNS)) healthcheck.DNS {
		d := healthcheck.DNS{Name: name, Type: kind, Code: "NOERROR", Transport: "udp"}
		if change != nil {
			change(&d)
		}
		return d
	}
	const ok = healthcheck.ClassOK
	const question = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01" // A
	probeAll(t, New(Options{}), []row{
		{name: "a", kind: healthcheck.KindDNS, target: target, class: ok, reason: "DNS answer www.example.com. 60 IN A 192.0.2.80",
			params: ask("www.example.com", "A", func(d *healthcheck.DNS) { d.Expect = `IN A 192\.0\.2\.80$` })},
		{name: "aaaa over tcp", kind: healthcheck.KindDNS, target: target, class: ok, reason: "DNS answer NOERROR with 1 records",
			params: ask("www.example.com", "AAAA", func(d *healthcheck.DNS) { d.Transport = "tcp" })},
		{name: "soa", kind: healthcheck.KindDNS, target: target, class: ok, reason: "DNS answer NOERROR with 1 records", params: ask("example.com", "SOA", nil)},
		{name: "txt", kind: healthcheck.KindDNS, target: target, class: ok, reason: `DNS answer example.com. 60 IN TXT "Still alive"`,
			params: ask("example.com.", "TXT", func(d *healthcheck.DNS) { d.Expect = "alive" })},
		{name: "other record", kind: healthcheck.KindDNS, target: target, class: healthcheck.ClassBody, reason: `"192.0.2.81" not found in the records…`,
			params: ask("www.example.com", "A", func(d *healthcheck.DNS) { d.Expect = "192.0.2.81" })},
		{name: "no such name", kind: healthcheck.KindDNS, target: target, class: healthcheck.ClassStatus, reason: "DNS answer NXDOMAIN, expected NOERROR",
			params: ask("no.example.com", "A", nil)},
		{name: "expected error", kind: healthcheck.KindDNS, target: target, class: ok, reason: "DNS answer REFUSED with 0 records",
			params: ask("example.org", "A", func(d *healthcheck.DNS) { d.Code = "REFUSED" })},
		{name: "datagram", kind: healthcheck.KindUDP, target: target, class: ok, reason: "answer of 82 bytes", params: healthcheck.UDP{Send: question, Expect: "^\x124"}},
	})
}

func TestRealFreeRADIUS(t *testing.T) {
	s := newRealServer(t, "freeradius")
	target := closedPort(t)
	s.file("radiusd.conf", `
prefix = /usr
exec_prefix = /usr
localstatedir = DIR
logdir = DIR
raddbdir = DIR
run_dir = DIR
libdir = /usr/lib/freeradius
pidfile = DIR/pid
security {
  allow_vulnerable_openssl = yes
}
client localhost {
  ipaddr = 127.0.0.1
  secret = testing123
}
modules {
  pap {
  }
  files {
    filename = DIR/users
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = `+portText(target)+`
  }
  authorize {
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
}
`)
	s.file("users", "probe Cleartext-Password := \"a password of more than sixteen bytes\"\n")
	p := New(Options{})
	login := healthcheck.RADIUS{User: "probe", Password: "a password of more than sixteen bytes", Secret: "testing123", NASIdentifier: "vipd"}
	up := func() bool {
		k := keyOf(healthcheck.KindRADIUS, target, func(s *healthcheck.Settings) { s.Timeout, s.Params = 500*time.Millisecond, login })
		return p.Run(t.Context(), k).OK()
	}
	s.start(up, "freeradius", "-f", "-l", "stdout", "-d", s.dir)
	wrong, forged, rejected := login, login, login
	wrong.Password, rejected.Password, rejected.Reject = "x", "x", true
	probeAll(t, p, []row{
		{name: "accept", kind: healthcheck.KindRADIUS, target: target, params: login, class: healthcheck.ClassOK, reason: "Access-Accept"},
		{name: "reject", kind: healthcheck.KindRADIUS, target: target, params: wrong, class: healthcheck.ClassStatus, reason: "the server answers Access-Reject"},
		{name: "reject is fine", kind: healthcheck.KindRADIUS, target: target, params: rejected, class: healthcheck.ClassOK, reason: "Access-Reject"},
	})
	// A server that checks Message-Authenticator is silent to a wrong secret.
	forged.Secret = "other"
	t.Run("wrong secret", func(t *testing.T) {
		expect(t, p, keyOf(healthcheck.KindRADIUS, target, func(s *healthcheck.Settings) { short(s); s.Params = forged }),
			healthcheck.ClassTimeout, "no answer within 300ms")
	})
}

const nginxConf = `
daemon off;
user root;
pid DIR/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path DIR/a;
  proxy_temp_path DIR/b;
  fastcgi_temp_path DIR/c;
  uwsgi_temp_path DIR/d;
  scgi_temp_path DIR/e;
  root DIR/root;
  server {
    listen 127.0.0.1:PLAIN;
    location /moved { return 302 /health; }
    location /secure { return 301 https://localhost:SECURE/health; }
    location /loop { return 302 /loop; }
    location /host { return 200 "$host $http_x_probe"; }
  }
  server {
    listen 127.0.0.1:SECURE ssl http2;
    ssl_certificate CERT;
    ssl_certificate_key KEY;
  }
  server { listen 127.0.0.1:CLEAR http2; }
}
`

func TestRealNginx(t *testing.T) {
	s := newRealServer(t, "nginx")
	plain, secure, clear := closedPort(t), closedPort(t), closedPort(t)
	cert, key, p := s.certificate()
	s.file("root/health", "Still alive\n")
	s.file("root/state.json", `{"checks": [{"state": "green"}], "up": true}`)
	conf := s.file("nginx.conf", strings.NewReplacer("PLAIN", portText(plain), "SECURE", portText(secure), "CLEAR", portText(clear), "CERT", cert, "KEY", key).Replace(nginxConf))
	s.start(listening(plain), "nginx", "-c", conf)
	with := func(change func(*healthcheck.HTTP)) healthcheck.HTTP {
		h := healthcheck.Defaults(healthcheck.KindHTTP).Params.(healthcheck.HTTP)
		change(&h)
		return h
	}
	at := func(paths ...string) func(*healthcheck.HTTP) {
		return func(h *healthcheck.HTTP) { h.Paths = healthcheck.ListOf(paths...) }
	}
	md, sha := md5.Sum([]byte("Still alive\n")), sha256.Sum256([]byte("Still alive\n"))
	digest := func(d string) healthcheck.HTTP {
		return with(func(h *healthcheck.HTTP) { at("/health")(h); h.Digest = d })
	}
	jsonAt := func(path, value string) healthcheck.HTTP {
		return with(func(h *healthcheck.HTTP) { at("/state.json")(h); h.JSONPath, h.JSONValue = path, value })
	}
	redirecting := func(path string) healthcheck.HTTP {
		return with(func(h *healthcheck.HTTP) { at(path)(h); h.Redirects, h.Expect = 2, "alive" })
	}
	two := with(func(h *healthcheck.HTTP) { at("/health", "/state.json")(h); h.Version = healthcheck.HTTP2 })
	const ok, body, status = healthcheck.ClassOK, healthcheck.ClassBody, healthcheck.ClassStatus
	const http, https = healthcheck.KindHTTP, healthcheck.KindHTTPS
	probeAll(t, p, []row{
		{name: "several paths", kind: http, target: plain, params: with(at("/health", "/state.json")), class: ok, reason: "2 pages, HTTP status 200"},
		{name: "one of several paths fails", kind: http, target: plain, params: with(at("/health", "/gone")), class: status,
			reason: "/gone: HTTP status 404, expected 200-299"},
		{name: "md5", kind: http, target: plain, params: digest(hex.EncodeToString(md[:])), class: ok, reason: "HTTP status 200"},
		{name: "sha-256", kind: http, target: plain, params: digest(hex.EncodeToString(sha[:])), class: ok, reason: "HTTP status 200"},
		{name: "other digest", kind: http, target: plain, params: digest("d41d8cd98f00b204e9800998ecf8427e"), class: body, reason: "digest of the body (12 bytes) is …"},
		{name: "json", kind: http, target: plain, params: jsonAt("checks[0].state", "green"), class: ok, reason: "HTTP status 200"},
		{name: "other json", kind: http, target: plain, params: jsonAt("up", "false"), class: body, reason: `up in the body is "true", expected "false"`},
		{name: "no such json", kind: http, target: plain, params: jsonAt("checks[1]", "x"), class: body, reason: "JSON body has nothing at 1"},
		{name: "redirect", kind: http, target: plain, params: redirecting("/moved"), class: ok, reason: "HTTP status 200"},
		{name: "redirect to TLS", kind: http, target: plain, params: redirecting("/secure"), class: ok, reason: "HTTP status 200"},
		{name: "redirects without end", kind: http, target: plain, params: redirecting("/loop"), class: status, reason: "more than 2 redirects, the last to …"},
		{name: "header fields", kind: http, target: plain, class: ok, reason: "HTTP status 200", params: with(func(h *healthcheck.HTTP) {
			at("/host")(h)
			h.Headers, h.VirtualHost, h.Expect = healthcheck.ListOf("X-Probe: yes"), "www.example.com", "^www.example.com yes$"
		})},
		{name: "https", kind: https, target: secure, params: with(at("/health")), tls: verified, class: ok, reason: "HTTP status 200"},
		{name: "http/2", kind: https, target: secure, params: two, tls: verified, class: ok, reason: "HTTP/2 status 200"},
		{name: "http/2 without TLS", kind: http, target: clear, params: two, class: ok, reason: "HTTP/2 status 200"},
		{name: "http/2 where there is none", kind: http, target: plain, params: two, class: healthcheck.ClassProtocol, reason: "/health: the server does not speak HTTP/2…"},
		{name: "http/2 path fails", kind: https, target: secure, tls: verified, class: status, reason: "HTTP status 404, expected 200-299",
			params: with(func(h *healthcheck.HTTP) { at("/gone")(h); h.Version = healthcheck.HTTP2 })},
	})
	t.Run("keep-alive", func(t *testing.T) {
		k := keyOf(http, plain, asking(func(h *healthcheck.HTTP) { h.Paths, h.KeepAlive = healthcheck.ListOf("/health"), true }))
		first := expect(t, p, k, ok, "HTTP status 200")
		second := expect(t, p, k, ok, "HTTP status 200")
		if first.Connect == 0 || second.Connect != 0 {
			t.Errorf("connecting took %v, then %v: the connection was not kept", first.Connect, second.Connect)
		}
	})
}
