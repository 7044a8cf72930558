package probe

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// scripted starts a server that follows a script of lines: "S: …" is said,
// "C: …" is waited for, and "TLS" is a handshake with cert.
func scripted(t *testing.T, cert tls.Certificate, script string) netip.AddrPort {
	return listen(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for line := range strings.Lines(script) {
			line = strings.TrimSpace(line)
			switch {
			case line == "TLS":
				c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
				in = bufio.NewReader(c)
			case strings.HasPrefix(line, "S: "):
				_, _ = c.Write([]byte(line[3:] + "\r\n"))
			case strings.HasPrefix(line, "C: "):
				got, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if got != line[3:]+"\r\n" {
					_, _ = c.Write([]byte("599 script wants " + line[3:] + "\r\n"))
					return
				}
			}
		}
	})
}

func TestDialogues(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(time.Now().Add(100*24*time.Hour), nil, "localhost")
	on := func(script string) netip.AddrPort { return scripted(t, cert, script) }
	const ok, status, protocol = healthcheck.ClassOK, healthcheck.ClassStatus, healthcheck.ClassProtocol
	const smtp, nntp, ftp = healthcheck.KindSMTP, healthcheck.KindNNTP, healthcheck.KindFTP
	probeAll(t, ca.prober(), []row{
		{name: "smtp", kind: smtp, class: ok, reason: "220 mx ESMTP",
			target: on("S: 220 mx ESMTP\nC: EHLO vipd.invalid\nS: 250-mx\nS: 250 HELP\nC: QUIT\nS: 221 bye")},
		{name: "smtp with a long greeting", kind: smtp, class: ok, reason: "220 mx",
			target: on("S: 220-hello\nS: 220-there\nS: 220 mx\nC: EHLO vipd.invalid\nS: 250 mx\nC: QUIT\nS: 221 bye")},
		{name: "smtp with TLS", kind: smtp, class: ok, reason: "220 mx", tls: verified,
			target: on("TLS\nS: 220 mx\nC: EHLO vipd.invalid\nS: 250 mx\nC: QUIT\nS: 221 bye")},
		{name: "smtp with STARTTLS", kind: smtp, class: ok, reason: "220 mx", tls: upgraded,
			target: on("S: 220 mx\nC: EHLO vipd.invalid\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO vipd.invalid\nS: 250 mx\nC: QUIT\nS: 221 bye")},
		{name: "smtp that speaks before the handshake", kind: smtp, class: healthcheck.ClassTLS, reason: "tls: first record…", tls: upgraded,
			target: on("S: 220 mx\nC: EHLO vipd.invalid\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nS: 250 injected\nC: wait")},
		{name: "smtp that is busy", kind: smtp, class: status, reason: `unexpected answer to connecting: "421 too many connections"`,
			target: on("S: 421 too many connections")},
		{name: "smtp that refuses us", kind: smtp, class: status, reason: `unexpected answer to EHLO: "550 go away"`,
			target: on("S: 220 mx\nC: EHLO vipd.invalid\nS: 550 go away")},
		{name: "smtp of old", kind: smtp, class: ok, reason: "220 mx",
			target: on("S: 220 mx\nC: EHLO vipd.invalid\nS: 500 what?\nC: HELO vipd.invalid\nS: 250 mx\nC: QUIT\nS: 221 bye")},
		{name: "smtp that knows no greeting", kind: smtp, class: status, reason: `unexpected answer to HELO: "502 no"`,
			target: on("S: 220 mx\nC: EHLO vipd.invalid\nS: 502 no\nC: HELO vipd.invalid\nS: 502 no")},
		{name: "smtp that is http", kind: smtp, class: protocol, reason: `the server does not speak smtp: "HTTP/1.1 400 Bad Request"`,
			target: on("S: HTTP/1.1 400 Bad Request")},
		{name: "nntp", kind: nntp, class: ok, reason: "200 news", target: on("S: 200 news\nC: QUIT\nS: 205 bye")},
		{name: "nntp without posting", kind: nntp, class: ok, reason: "201 news", target: on("S: 201 news\nC: QUIT\nS: 205 bye")},
		{name: "nntp with TLS", kind: nntp, class: ok, reason: "200 news", tls: verified, target: on("TLS\nS: 200 news\nC: QUIT\nS: 205 bye")},
		{name: "nntp with STARTTLS", kind: nntp, class: ok, reason: "200 news", tls: upgraded,
			target: on("S: 200 news\nC: STARTTLS\nS: 382 go\nTLS\nC: QUIT\nS: 205 bye")},
		{name: "nntp that is closed", kind: nntp, class: status, reason: `unexpected answer to connecting: "502 closed"`, target: on("S: 502 closed")},
		{name: "ftp that needs no password", kind: ftp, class: ok, reason: "220 ftp",
			target: on("S: 220 ftp\nC: USER anonymous\nS: 230 welcome\nC: QUIT\nS: 221 bye")},
		{name: "ftp with AUTH TLS", kind: ftp, class: ok, reason: "220 ftp", tls: upgraded,
			target: on("S: 220 ftp\nC: AUTH TLS\nS: 234 go\nTLS\nC: USER anonymous\nS: 331 password\nC: PASS vipd@\nS: 230 welcome\nC: QUIT\nS: 221 bye")},
		{name: "agent", kind: healthcheck.KindAgent, class: ok, reason: "it says up, 75 % of the weight", target: on("S: up 75%")},
		{name: "agent with TLS", kind: healthcheck.KindAgent, tls: verified, class: ok, reason: "it says up, weight 0", target: on("TLS\nS: maint")},
		{name: "agent that is asked", kind: healthcheck.KindAgent, params: healthcheck.Agent{Send: "web1\r\n"}, class: ok, reason: "it says up, weight 0",
			target: on("C: web1\nS: drain")},
		{name: "agent that says down", kind: healthcheck.KindAgent, class: status, reason: "it says down: disk full", target: on("S: down#disk full")},
		{name: "agent that says nothing of use", kind: healthcheck.KindAgent, class: protocol, reason: `"hello" has no word such as up, down, drain or 75%`,
			target: on("S: hello")},
		{name: "agent that closes instead of ending the line", kind: healthcheck.KindAgent, class: ok, reason: "it says up, 75 % of the weight",
			target: listen(t, func(c net.Conn) { _, _ = c.Write([]byte("up 75%")) })},
		{name: "agent that closes", kind: healthcheck.KindAgent, class: protocol, reason: "connection closed by the server while waiting for the answer",
			target: listen(t, func(net.Conn) {})},
		{name: "tcp with send and expect", kind: healthcheck.KindTCP, params: healthcheck.TCP{Send: "ping\r\n", Expect: "^pong"}, class: ok,
			reason: `"^pong" found in 6 bytes`, target: on("C: ping\nS: pong\nC: more")},
		{name: "tcp that finishes", kind: healthcheck.KindTCP, params: healthcheck.TCP{Send: "a\r\nb\r\n", Expect: "ready", Finish: true}, class: ok,
			reason: `"ready" found in…`, target: on("S: not yet\nC: a\nC: b\nS: ready")},
		{name: "tcp with other text", kind: healthcheck.KindTCP, params: healthcheck.TCP{Expect: "ready"}, class: healthcheck.ClassBody,
			reason: `"ready" not found in the answer (6 bytes: "busy\r\n")`, target: on("S: busy")},
		{name: "tcp with TLS", kind: healthcheck.KindTCP, tls: verified, class: ok, reason: "connection accepted", target: on("TLS\nC: more")},
	})
}

func TestTNS(t *testing.T) {
	packet := func(kind byte, body string) string {
		return string([]byte{0, byte(8 + len(body)), 0, 0, kind, 0, 0, 0}) + body
	}
	tests := []struct {
		name, answer, service string
		class                 healthcheck.Class
		reason                string
	}{
		{"ping", packet(tnsRefuse, "\x22\x00\x00\x3d(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=0)(ALIAS=LISTENER))"), "", healthcheck.ClassOK, "the listener answers"},
		{"accepted", packet(tnsAccept, "12345678"), "ORCL", healthcheck.ClassOK, "the listener knows the service"},
		{"redirected", packet(tnsRedirect, "(ADDRESS=)"), "ORCL", healthcheck.ClassOK, "the listener knows the service"},
		{"resent", packet(tnsResend, "") + packet(tnsAccept, ""), "ORCL", healthcheck.ClassOK, "the listener knows the service"},
		{"resent for ever", strings.Repeat(packet(tnsResend, ""), 5), "ORCL", healthcheck.ClassProtocol, "the listener asks for the request again and again"},
		{"unknown service", packet(tnsRefuse, "..(DESCRIPTION=(ERR=12514))"), "ORCL", healthcheck.ClassStatus, "the listener refuses: TNS-12514"},
		{"refused without a reason", packet(tnsRefuse, ""), "", healthcheck.ClassStatus, "the listener refuses"},
		{"another protocol", "220 mail.example.com\r\n", "", healthcheck.ClassProtocol, "this is not an Oracle listener: …"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := listen(t, func(c net.Conn) {
				buf := make([]byte, 1024)
				n, _ := c.Read(buf)
				if want := tt.service; !strings.Contains(string(buf[:n]), want) || buf[4] != tnsConnect || int(buf[1]) != n {
					t.Errorf("request %q", buf[:n])
				}
				_, _ = c.Write([]byte(tt.answer))
				hang(c)
			})
			expect(t, New(Options{}), keyOf(healthcheck.KindOracle, target, func(s *healthcheck.Settings) {
				s.Params = healthcheck.Oracle{Service: tt.service}
			}), tt.class, tt.reason)
		})
	}
}
