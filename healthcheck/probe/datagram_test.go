package probe

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/http2"

	"github.com/vipd/vipd/healthcheck"
)

// datagrams starts a UDP server; answer returns what it says, nothing for
// silence.
func datagrams(t *testing.T, answer func(request string) []string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, a := range answer(string(buf[:n])) {
				_, _ = c.WriteTo([]byte(a), from)
			}
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestUDP(t *testing.T) {
	echo := datagrams(t, func(r string) []string { return []string{r} })
	silent := datagrams(t, func(string) []string { return nil })
	const ok = healthcheck.ClassOK
	probeAll(t, New(Options{}), []row{
		{name: "answer", kind: healthcheck.KindUDP, target: echo, params: healthcheck.UDP{Send: "\x00\xffping"}, class: ok, reason: "answer of 6 bytes"},
		{name: "expected answer", kind: healthcheck.KindUDP, target: echo, params: healthcheck.UDP{Send: "ping", Expect: "^ping$"}, class: ok, reason: "answer of 4 bytes"},
		{name: "other answer", kind: healthcheck.KindUDP, target: echo, params: healthcheck.UDP{Send: "ping", Expect: "pong"}, class: healthcheck.ClassBody,
			reason: `"pong" not found in the answer (4 bytes: "ping")`},
		{name: "answer as long as wanted", kind: healthcheck.KindUDP, target: echo, params: healthcheck.UDP{Send: "ping", MinLength: 4, MaxLength: 4}, class: ok,
			reason: "answer of 4 bytes"},
		{name: "short answer", kind: healthcheck.KindUDP, target: echo, params: healthcheck.UDP{Send: "ping", MinLength: 5}, class: healthcheck.ClassBody,
			reason: "answer of 4 bytes"},
		{name: "long answer", kind: healthcheck.KindUDP, target: echo, params: healthcheck.UDP{Send: "ping", MaxLength: 3}, class: healthcheck.ClassBody,
			reason: "answer of 4 bytes"},
		{name: "nobody listens", kind: healthcheck.KindUDP, target: closedPort(t), params: healthcheck.UDP{Silent: true}, class: healthcheck.ClassRefused,
			reason: "connection refused"},
	})
	for _, tt := range []struct {
		silent bool
		class  healthcheck.Class
		reason string
	}{{false, healthcheck.ClassTimeout, "no answer within 300ms"}, {true, ok, "no error came back"}} {
		k := keyOf(healthcheck.KindUDP, silent, func(s *healthcheck.Settings) { short(s); s.Params = healthcheck.UDP{Silent: tt.silent} })
		expect(t, New(Options{}), k, tt.class, tt.reason)
	}
}

// sip answers an OPTIONS request with the given status lines.
func sip(lines ...string) func(string) []string {
	return func(request string) []string {
		var call string
		for line := range strings.Lines(request) {
			if rest, ok := strings.CutPrefix(line, "Call-ID: "); ok {
				call = strings.TrimSpace(rest)
			}
		}
		var all []string
		for _, l := range lines {
			all = append(all, strings.ReplaceAll(l, "CALL", call))
		}
		return all
	}
}

func TestSIP(t *testing.T) {
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	const good, busy = "SIP/2.0 200 OK\r\nCall-ID: CALL\r\n\r\n", "SIP/2.0 503 Busy\r\ni: CALL\r\n\r\n"
	const trying, other = "SIP/2.0 100 Trying\r\nCall-ID: CALL\r\n\r\n", "SIP/2.0 200 OK\r\nCall-ID: other\r\n\r\n"
	overTCP := healthcheck.SIP{User: "vipd", Transport: "tcp", Status: "200"}
	stream := func(lines ...string) netip.AddrPort {
		return listen(t, after(sayAll(lines)))
	}
	either := healthcheck.SIP{User: "vipd", Transport: "udp", Status: "200,503"}
	probeAll(t, New(Options{}), []row{
		{name: "ok", kind: healthcheck.KindSIP, target: datagrams(t, sip(good)), class: ok, reason: "SIP status 200"},
		{name: "after trying and noise", kind: healthcheck.KindSIP, target: datagrams(t, sip("noise", trying, other, good)), class: ok, reason: "SIP status 200"},
		{name: "busy", kind: healthcheck.KindSIP, target: datagrams(t, sip(busy)), class: status, reason: "SIP status 503, expected 200"},
		{name: "busy is fine", kind: healthcheck.KindSIP, target: datagrams(t, sip(busy)), params: either, class: ok, reason: "SIP status 503"},
		{name: "another protocol over tcp", kind: healthcheck.KindSIP, target: stream("HTTP/1.1 200 OK\r\n\r\n"), params: overTCP,
			class: healthcheck.ClassProtocol, reason: `this is not SIP: "HTTP/1.1 200 OK"`},
	})
	tcp := listen(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		var request strings.Builder
		for !strings.HasSuffix(request.String(), "\r\n\r\n") {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			request.WriteString(line)
		}
		for _, a := range sip(trying, "SIP/2.0 200 OK\r\nCall-ID: CALL\r\nContent-Length: 3\r\n\r\nabc")(request.String()) {
			_, _ = c.Write([]byte(a))
		}
		hang(c)
	})
	probeAll(t, New(Options{}), []row{{name: "tcp", kind: healthcheck.KindSIP, target: tcp, params: overTCP, class: ok, reason: "SIP status 200"}})
	ca := newAuthority(t)
	cert := ca.issue(time.Now().Add(100*24*time.Hour), nil, "localhost")
	encrypted := listen(t, func(c net.Conn) {
		secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		buf := make([]byte, 4096)
		n, _ := secure.Read(buf)
		via := "SIP/2.0 400 Via\r\nCall-ID: CALL\r\n\r\n"
		if strings.Contains(string(buf[:n]), "\r\nVia: SIP/2.0/TLS ") {
			via = good
		}
		for _, a := range sip(via)(string(buf[:n])) {
			_, _ = secure.Write([]byte(a))
		}
		hang(secure)
	})
	probeAll(t, ca.prober(), []row{{name: "TLS", kind: healthcheck.KindSIP, target: encrypted, params: overTCP, tls: verified, class: ok, reason: "SIP status 200"}})
}

// sayAll says lines one after the other.
func sayAll(lines []string) func(net.Conn) {
	return func(c net.Conn) { _, _ = c.Write([]byte(strings.Join(lines, ""))) }
}

// health starts a gRPC server over TLS with answers by service name.
func health(t *testing.T, cert tls.Certificate) netip.AddrPort {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 100)
		n, _ := r.Body.Read(body)
		service := ""
		if n > 7 {
			service = string(body[7:n])
		}
		if r.URL.Path != grpcPath || r.Header.Get("Content-Type") != "application/grpc" || n < 5 || int(binary.BigEndian.Uint32(body[1:])) != n-5 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		message := []byte{0, 0, 0, 0, 2, 8, 1}
		switch service {
		case "asleep":
			message[6] = 2
		case "unknown":
			w.Header().Set("Grpc-Status", "5")
			return
		case "broken":
			w.Header().Set("Grpc-Status", "14")
			w.Header().Set("Grpc-Message", "not%20now")
			return
		case "noise":
			message = []byte("noise")
		case "nostatus":
			_, _ = w.Write(message)
			return
		}
		_, _ = w.Write(message)
		w.Header().Set("Grpc-Status", "0")
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = discardLog
	if err := http2.ConfigureServer(s.Config, nil); err != nil {
		t.Fatal(err)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return addressOf(s)
}

func TestGRPC(t *testing.T) {
	ca := newAuthority(t)
	target := health(t, ca.issue(time.Now().Add(100*24*time.Hour), nil, "localhost"))
	const status, protocol = healthcheck.ClassStatus, healthcheck.ClassProtocol
	var rows []row
	for _, r := range []struct {
		service string
		class   healthcheck.Class
		reason  string
	}{
		{"", healthcheck.ClassOK, "gRPC health is SERVING"},
		{"asleep", status, "gRPC health is NOT_SERVING"},
		{"unknown", status, "gRPC status 5: the server does not know this service"},
		{"broken", status, "gRPC status 14: not now"},
		{"noise", protocol, "the gRPC answer is not one plain message (5 bytes)"},
	} {
		rows = append(rows, row{name: "service " + r.service, kind: healthcheck.KindGRPC, target: target, tls: verified,
			params: healthcheck.GRPC{Service: r.service}, class: r.class, reason: r.reason})
	}
	rows = append(rows, row{name: "no status", kind: healthcheck.KindGRPC, target: target, tls: verified, class: protocol,
		params: healthcheck.GRPC{Service: "nostatus"}, reason: "the answer has no gRPC status"})
	probeAll(t, ca.prober(), rows)
}

// TestNetworkSource: a probe leaves from the address that it is told to.
func TestNetworkSource(t *testing.T) {
	from := make(chan string, 1)
	target := listen(t, func(c net.Conn) { from <- c.RemoteAddr().(*net.TCPAddr).IP.String() })
	source := func(a string) func(*healthcheck.Settings) {
		return func(s *healthcheck.Settings) { s.Network.Source = netip.MustParseAddr(a) }
	}
	expect(t, New(Options{}), keyOf(healthcheck.KindTCP, target, source("127.9.8.7")), healthcheck.ClassOK, "connection accepted")
	if got := <-from; got != "127.9.8.7" {
		t.Errorf("probe came from %s", got)
	}
	ports := make(chan int, 1)
	other := listen(t, func(c net.Conn) { ports <- c.RemoteAddr().(*net.TCPAddr).Port })
	expect(t, New(Options{}), keyOf(healthcheck.KindTCP, other, func(s *healthcheck.Settings) { s.Network.Port = 10713 }), healthcheck.ClassOK, "connection accepted")
	if got := <-ports; got != 10713 {
		t.Errorf("probe came from port %d", got)
	}
	expect(t, New(Options{}), keyOf(healthcheck.KindTCP, target, source("192.0.2.1")), healthcheck.ClassInternal,
		"wait for connection: cannot assign requested address")
	k := keyOf(healthcheck.KindTCP, target, func(s *healthcheck.Settings) { s.Network.Interface = "nonexistent0" })
	if r := New(Options{}).Run(t.Context(), k); r.Class != healthcheck.ClassInternal || !strings.HasPrefix(r.Reason, "use interface nonexistent0: ") {
		t.Errorf("result %s %q", r.Class, r.Reason)
	}
}

// TestTruncatedDNS: what was looked for may be in the part that did not fit.
func TestTruncatedDNS(t *testing.T) {
	target := datagrams(t, func(request string) []string {
		m := new(dns.Msg)
		if m.Unpack([]byte(request)) != nil {
			return nil
		}
		m.Response, m.Truncated = true, true
		answer, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		return []string{string(answer)}
	})
	ask := func(expect string) healthcheck.Key {
		return keyOf(healthcheck.KindDNS, target, func(s *healthcheck.Settings) {
			s.Params = healthcheck.DNS{Name: "a.", Type: "TXT", Code: "NOERROR", Transport: "udp", Expect: expect}
		})
	}
	expect(t, New(Options{}), ask(""), healthcheck.ClassOK, "DNS answer NOERROR with 0 records")
	expect(t, New(Options{}), ask("alive"), healthcheck.ClassBody, `"alive" not found in what fits into a datagram: ask over tcp`)
}
