package probe

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/healthcheck"
)

func TestHTTPAnswers(t *testing.T) {
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	const body, protocol = healthcheck.ClassBody, healthcheck.ClassProtocol
	tests := []struct {
		name   string
		answer string
		change func(*healthcheck.Settings)
		class  healthcheck.Class
		reason string
	}{
		{"200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", nil, ok, "HTTP status 200"},
		{"200 of HTTP/1.0 until close", "HTTP/1.0 200 OK\r\n\r\nok", expecting("^ok$"), ok, "HTTP status 200"},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", nil, ok, "HTTP status 204"},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nSti\r\n8\r\nll alive\r\n0\r\n\r\n",
			expecting("Still alive"), ok, "HTTP status 200"},
		{"503", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", nil, status, "HTTP status 503, expected 200-299"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", nil, status,
			"HTTP status 302, expected 200-299"},
		{"expected redirect", "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
			asking(func(s *healthcheck.HTTP) { s.Status = "200-299,302" }), ok, "HTTP status 302"},
		{"early hints first", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			nil, ok, "HTTP status 200"},
		{"early hints only", "HTTP/1.1 103 Early Hints\r\n\r\n", nil, protocol,
			"connection closed by the server while waiting for the answer"},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n", nil, status, "HTTP status 101, expected 200-299"},
		{"wanted text", "HTTP/1.1 200 OK\r\n\r\nI am\nStill alive\n", expecting("(?m)^Still alive$"), ok, "HTTP status 200"},
		{"other text", "HTTP/1.1 200 OK\r\n\r\nmaintenance", expecting("Still alive"), body,
			`"Still alive" not found in the body (11 bytes: "maintenance")`},
		{"refused text", "HTTP/1.1 200 OK\r\n\r\nmaintenance", asking(func(s *healthcheck.HTTP) { s.Refuse = "maint" }), body,
			`the body matches "maint", which it must not`},
		{"no refused text", "HTTP/1.1 200 OK\r\n\r\nfine", asking(func(s *healthcheck.HTTP) { s.Refuse = "maint" }), ok, "HTTP status 200"},
		{"text of the header alone", "HTTP/1.1 200 OK\r\nX: y\r\n\r\nfine", expecting("200 OK"), body,
			`"200 OK" not found in the body (4 bytes: "fine")`},
		{"no text", "HTTP/1.1 200 OK\r\n\r\n", expecting("Still alive"), body,
			`"Still alive" not found in the body (0 bytes: "")`},
		{"NUL and invalid UTF-8", "HTTP/1.1 200 OK\r\n\r\n\x00\xff\x1b[2J", expecting("alive"), body,
			`"alive" not found in the body (6 bytes: "\x00\xff\x1b[2J")`},
		{"long text", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 1000), expecting("alive"), body,
			`"alive" not found in the body (1000 bytes: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"…)`},
		{"broken off", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", nil, protocol,
			"connection closed by the server while waiting for the end of the body"},
		{"nothing", "", nil, protocol, "connection closed by the server while waiting for the answer"},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-Le", nil, protocol,
			"connection closed by the server while waiting for the answer"},
		{"another protocol", "220 mail.example.com ESMTP\r\n", nil, protocol, `malformed HTTP status code "mail.example.com"`},
		{"half a line of another protocol", "@RSYNCD: 31.0", nil, protocol,
			"connection closed by the server while waiting for the answer"},
		{"noise", "\x16\x03\x01\x00\x00\r\n\r\n", nil, protocol, `malformed HTTP response…`},
		{"endless header", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20_000), nil, protocol,
			"header of the answer exceeds 65536 bytes"},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", nil, protocol, `bad Content-Length "-5"`},
	}
	p := New(Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, p, keyOf(healthcheck.KindHTTP, listen(t, say(tt.answer)), tt.change), tt.class, tt.reason)
		})
	}
}

func expecting(re string) func(*healthcheck.Settings) {
	return asking(func(s *healthcheck.HTTP) { s.Expect = re })
}

func TestHTTPHead(t *testing.T) {
	target := page(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		w.Header().Set("Content-Length", "1000")
	})
	head := asking(func(s *healthcheck.HTTP) { s.Method = "HEAD" })
	expect(t, New(Options{}), keyOf(healthcheck.KindHTTP, target, head), healthcheck.ClassOK, "HTTP status 200")
}

// TestHTTPOnTheWire compares the whole request.
func TestHTTPOnTheWire(t *testing.T) {
	got := make(chan string, 2)
	target := listen(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		got <- string(buf[:n])
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	})
	tests := []struct {
		name   string
		change func(*healthcheck.Settings)
		want   string
	}{
		{"default", nil, "GET / HTTP/1.1\r\nHost: " + target.String()},
		{"virtual host", asking(func(s *healthcheck.HTTP) { s.VirtualHost = "www.example.com" }),
			"GET / HTTP/1.1\r\nHost: www.example.com"},
		{"path as written", asking(func(s *healthcheck.HTTP) { s.Paths = healthcheck.ListOf("//a|b/%41?q=%20&r=[]") }),
			"GET //a|b/%41?q=%20&r=[] HTTP/1.1\r\nHost: " + target.String()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, New(Options{}), keyOf(healthcheck.KindHTTP, target, tt.change), healthcheck.ClassOK, "HTTP status 200")
			want := tt.want + "\r\nUser-Agent: vipd\r\nAccept: */*\r\nConnection: close\r\n\r\n"
			for range 2 { // from a probe of its own, and from a loop
				if diff := cmp.Diff(want, <-got); diff != "" {
					t.Errorf("request (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestHostOf(t *testing.T) {
	tests := []struct {
		target string
		secure bool
		want   string
	}{
		{"10.0.0.1:80", false, "10.0.0.1"},
		{"10.0.0.1:443", false, "10.0.0.1:443"},
		{"10.0.0.1:443", true, "10.0.0.1"},
		{"[::ffff:10.0.0.1]:80", false, "10.0.0.1"},
		{"[2001:db8::1]:80", false, "[2001:db8::1]"},
		{"[fe80::1%eth0]:8080", false, "[fe80::1]:8080"},
	}
	for _, tt := range tests {
		if got := hostOf(netip.MustParseAddrPort(tt.target), tt.secure); got != tt.want {
			t.Errorf("host of %v, secure %v = %q, want %q", tt.target, tt.secure, got, tt.want)
		}
	}
}

func TestHTTPHostileServers(t *testing.T) {
	const header = "HTTP/1.1 200 OK\r\n\r\n"
	drip := after(func(c net.Conn) {
		const endless = "X: y\r\n"
		next := []byte("HTTP/1.1 200 OK\r\n")
		for i := 0; ; i++ {
			if _, err := c.Write(next); err != nil {
				return
			}
			next = []byte{endless[i%len(endless)]}
			time.Sleep(10 * time.Millisecond)
		}
	})
	tests := []struct {
		name   string
		serve  func(net.Conn)
		class  healthcheck.Class
		reason string
	}{
		{"says nothing", hang, healthcheck.ClassTimeout, "no answer within 300ms"},
		{"drips", drip, healthcheck.ClassTimeout, "no answer within 300ms"},
		{"body hangs", after(func(c net.Conn) {
			_, _ = c.Write([]byte(header + "Still al"))
			hang(c)
		}), healthcheck.ClassTimeout, "no end of the body within 300ms"},
		{"resets", reset(t, ""), healthcheck.ClassNetwork, "connection reset by peer while waiting for the answer"},
		{"resets in the header", reset(t, "HTTP/1.1 20"), healthcheck.ClassNetwork,
			"connection reset by peer while waiting for the answer"},
		{"resets in the body", reset(t, header+"Still"), healthcheck.ClassNetwork,
			"connection reset by peer while waiting for the end of the body"},
		{"closes at once", func(net.Conn) {}, "", ""}, // end of file or reset, whichever is seen first
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := keyOf(healthcheck.KindHTTP, listen(t, tt.serve), shortFor(tt.class))
			if tt.class != "" {
				expect(t, New(Options{}), k, tt.class, tt.reason)
				return
			}
			if r := New(Options{}).Run(t.Context(), k); r.Class != healthcheck.ClassProtocol && r.Class != healthcheck.ClassNetwork {
				t.Errorf("result %s %q", r.Class, r.Reason)
			}
		})
	}
	t.Run("refuses", func(t *testing.T) {
		expect(t, New(Options{}), keyOf(healthcheck.KindHTTP, closedPort(t), nil), healthcheck.ClassRefused, "connection refused")
	})
}

// TestHTTPEndlessBody makes sure that a probe reads a bounded part of a page,
// searches all of it and ends long before its timeout.
func TestHTTPEndlessBody(t *testing.T) {
	target := page(t, func(w http.ResponseWriter, r *http.Request) {
		line := append(bytes.Repeat([]byte{'x'}, 1023), '\n')
		for i := 0; ; i++ {
			if i == maxBody/len(line)-1 && r.URL.Path == "/late" {
				copy(line, "Still alive")
			}
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})
	p, begin := New(Options{}), time.Now()
	expect(t, p, keyOf(healthcheck.KindHTTP, target, nil), healthcheck.ClassOK, "HTTP status 200")
	expect(t, p, keyOf(healthcheck.KindHTTP, target, expecting("alive")), healthcheck.ClassBody,
		fmt.Sprintf(`"alive" not found in the body (%d bytes:…`, maxBody))
	late := asking(func(s *healthcheck.HTTP) { s.Paths, s.Expect = healthcheck.ListOf("/late"), "Still alive" })
	expect(t, p, keyOf(healthcheck.KindHTTP, target, late), healthcheck.ClassOK, "HTTP status 200")
	if took := time.Since(begin); took > patience {
		t.Errorf("three probes took %v: they read on until the timeout", took)
	}
}

func TestHTTPPhases(t *testing.T) {
	const think = 20 * time.Millisecond
	target := page(t, func(w http.ResponseWriter, _ *http.Request) { time.Sleep(think) })
	r := expect(t, New(Options{}), keyOf(healthcheck.KindHTTP, target, nil), healthcheck.ClassOK, "HTTP status 200")
	if r.Connect <= 0 || r.First < think || r.TLS != 0 || r.Connect+r.First > r.Duration {
		t.Errorf("phases of %+v", r)
	}
}

// TestHTTPAnswerBeforeRequest covers a server that refuses without reading.
func TestHTTPAnswerBeforeRequest(t *testing.T) {
	target := listen(t, func(c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"))
		_, _ = c.Read(make([]byte, 4096)) // closing with unread data would be a reset
	})
	expect(t, New(Options{}), keyOf(healthcheck.KindHTTP, target, nil), healthcheck.ClassStatus, "HTTP status 503, expected 200-299")
}

// TestHTTPLeavesNoConnection makes sure that the server sees the end of every
// connection.
func TestHTTPLeavesNoConnection(t *testing.T) {
	gone := make(chan struct{}, 10)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			gone <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	p := New(Options{})
	for range 3 {
		expect(t, p, keyOf(healthcheck.KindHTTP, addressOf(s), nil), healthcheck.ClassStatus, "HTTP status 404, expected 200-299")
		<-gone
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain text", "plain text"},
		{"\x00a\r\nb\x1b[2J", "?a??b?[2J"},
		{"\xff", "\uFFFD"},
		{strings.Repeat("ä", 300), strings.Repeat("ä", 200) + "…"},
	}
	for _, tt := range tests {
		if got := printable(tt.in); got != tt.want {
			t.Errorf("printable(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
