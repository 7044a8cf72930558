package probe

import (
	"crypto/tls"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/vipd/vipd/healthcheck"
)

// streams are checks over TCP that expect something, one of each kind and
// way.
func streams() map[string]func(*healthcheck.Settings) {
	all := map[string]func(*healthcheck.Settings){}
	for _, kind := range healthcheck.Kinds() {
		all[string(kind)] = func(s *healthcheck.Settings) { *s = healthcheck.Defaults(kind) }
	}
	for _, kind := range []healthcheck.Kind{healthcheck.KindTCP, healthcheck.KindDNS, healthcheck.KindRADIUS, healthcheck.KindSIP, healthcheck.KindUDP,
		healthcheck.KindPing, healthcheck.KindScript, healthcheck.KindFile, healthcheck.KindOn, healthcheck.KindOff} {
		delete(all, string(kind))
	}
	with := func(kind healthcheck.Kind, p healthcheck.Params) func(*healthcheck.Settings) {
		return func(s *healthcheck.Settings) { *s = healthcheck.Defaults(kind); s.Params = p }
	}
	proxy := healthcheck.Defaults(healthcheck.KindHTTPProxy).Params.(healthcheck.HTTP)
	proxy.Paths = healthcheck.ListOf("http://a/")
	all["http_proxy"] = with(healthcheck.KindHTTPProxy, proxy)
	two := proxy
	two.Paths, two.Version = healthcheck.ListOf("/"), healthcheck.HTTP2
	all["http/2"] = with(healthcheck.KindHTTP, two)
	kept := proxy
	kept.Paths, kept.KeepAlive, kept.Redirects = healthcheck.ListOf("/", "/b"), true, 3
	all["http kept"] = with(healthcheck.KindHTTP, kept)
	all["tcp"] = with(healthcheck.KindTCP, healthcheck.TCP{Send: "x", Expect: "never"})
	all["dns"] = with(healthcheck.KindDNS, healthcheck.DNS{Name: "a", Type: "A", Code: "NOERROR", Transport: "tcp"})
	all["sip"] = with(healthcheck.KindSIP, healthcheck.SIP{User: "a", Transport: "tcp", Status: "200"})
	all["mysql login"] = with(healthcheck.KindMySQL, healthcheck.SQL{User: "a", Query: "b"})
	all["postgresql login"] = with(healthcheck.KindPostgreSQL, healthcheck.SQL{User: "a", Query: "b"})
	all["ldap search"] = with(healthcheck.KindLDAP, healthcheck.LDAP{Base: "a=b", Filter: "(a=*)"})
	all["redis role"] = with(healthcheck.KindRedis, healthcheck.Redis{Password: "a", Role: "master"})
	all["imap login"] = with(healthcheck.KindIMAP, healthcheck.Mailbox{User: "a"})
	all["ftp file"] = with(healthcheck.KindFTP, healthcheck.FTP{User: "a", Path: "b"})
	return all
}

// hostile are servers that nobody should wait for, or believe. They note the most
// that was taken from one of them.
func hostile(most *atomic.Int64) map[string]func(net.Conn) {
	forever := func(block string) func(net.Conn) {
		return func(c net.Conn) {
			text := []byte(strings.Repeat(block, 64<<10/len(block)))
			for taken := int64(0); ; taken += int64(len(text)) {
				if _, err := c.Write(text); err != nil {
					for before := most.Load(); taken > before && !most.CompareAndSwap(before, taken); before = most.Load() {
					}
					return
				}
			}
		}
	}
	drip := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			for i := 0; ; i++ {
				if _, err := c.Write([]byte{text[i%len(text)]}); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	speak := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = c.Write([]byte(text)); hang(c) }
	}
	return map[string]func(net.Conn){
		"says nothing":          hang,
		"closes":                func(net.Conn) {},
		"closes after a byte":   func(c net.Conn) { _, _ = c.Write([]byte{'2'}) },
		"resets":                func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"drips":                 drip("220-"),
		"drips NUL":             drip("\x00"),
		"sends for ever":        forever("a"),
		"sends lines for ever":  forever("220-a\r\n"),
		"sends stars for ever":  forever("* a\r\n"),
		"sends zeros for ever":  forever("\x00"),
		"sends ones for ever":   forever("\xff"),
		"sends frames for ever": forever("\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
		"is http":               speak("HTTP/1.0 400 Bad Request\r\n\r\n"),
		"is ssh":                speak("SSH-2.0-OpenSSH_9.2\r\n"),
		"is mail":               speak("220 mx ESMTP\r\n"),
		"is mail in disorder":   speak("220 a\r\n550 b\r\n\r\n\r\n"),
		"announces 2 GB":        speak("\x30\x84\x7f\xff\xff\xff\x00R\x7f\xff\xff\xff"),
		"announces 4 GB":        speak("R\xff\xff\xff\xff\x00\x00\x00\x00"),
		"announces a bulk":      speak("$2147483647\r\n"),
		"is not UTF-8":          speak("\xff\xfe\x80\x1b[2J\r\n\x00\x00\r\n"),
	}
}

// encrypted are those of them that are met inside of TLS as well.
var encrypted = []string{"says nothing", "closes", "drips", "sends for ever", "sends lines for ever", "announces 4 GB"}

// maxTaken bounds what a probe lets a server send, buffers of the kernel included.
const maxTaken = 32 << 20

// TestHostileServers lets every kind of check that reads from a stream meet
// every kind of hostile server: it must be a failure, in time, for a reason
// that fits on a line, and leave nothing behind.
func TestHostileServers(t *testing.T) {
	before := runtime.NumGoroutine()
	var most atomic.Int64
	cert := newAuthority(t).issue(time.Now().Add(time.Hour), nil, "a")
	t.Run("all", func(t *testing.T) {
		for server, serve := range hostile(&most) {
			t.Run(server, func(t *testing.T) {
				t.Parallel()
				meet(t, listen(t, serve), healthcheck.TLSOff)
			})
			if slices.Contains(encrypted, server) {
				t.Run(server+" inside of TLS", func(t *testing.T) {
					t.Parallel()
					meet(t, listen(t, func(c net.Conn) { serve(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})) }), healthcheck.TLSOn)
				})
			}
		}
	})
	if got := most.Load(); got > maxTaken {
		t.Errorf("%d MB were taken from a server that sends for ever", got>>20)
	}
	for end := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 64<<10)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// meet probes a hostile server by every kind of check that can be encrypted as it
// is.
func meet(t *testing.T, target netip.AddrPort, mode healthcheck.TLSMode) {
	t.Helper()
	p := New(Options{})
	for check, change := range streams() {
		k := keyOf("", target, func(s *healthcheck.Settings) {
			change(s)
			s.Timeout = 50 * time.Millisecond
		})
		if mode == healthcheck.TLSOn {
			k.Settings.TLS.Mode = mode
		}
		if len(k.Settings.Validate()) > 0 {
			continue
		}
		results := []healthcheck.Result{p.Run(t.Context(), k)}
		if p.plan(&k) != nil {
			results = append(results, fly(t, looping(t, p), k))
		}
		for _, r := range results {
			if r.OK() || r.Class == healthcheck.ClassInternal || r.Duration > 10*time.Second {
				t.Errorf("%s: %s %q after %v", check, r.Class, r.Reason, r.Duration)
			}
			if r.Reason == "" || strings.ContainsFunc(r.Reason, func(c rune) bool { return !unicode.IsPrint(c) }) || len(r.Reason) > 4*maxReason+3 {
				t.Errorf("%s: reason %q", check, r.Reason)
			}
		}
	}
}

// TestHostileDatagrams lets every kind of check over UDP meet servers that never
// answer, and those that answer what nobody should believe.
func TestHostileDatagrams(t *testing.T) {
	many := func(answer string) []string { return []string{answer, answer, answer, answer, answer} }
	for server, answer := range map[string]func(string) []string{
		"says nothing":       func(string) []string { return nil },
		"sends nothing":      func(string) []string { return many("") },
		"sends a byte":       func(string) []string { return many("\x01") },
		"sends it back":      many,
		"sends NUL":          func(string) []string { return many(strings.Repeat("\x00", 512)) },
		"is not UTF-8":       func(string) []string { return many("\xff\xfe\x80\x1b[2J\r\n\x00\x00\r\n") },
		"sends large things": func(string) []string { return many(strings.Repeat("\xff", 60_000)) },
		"is http":            func(string) []string { return many("HTTP/1.0 400 Bad Request\r\n\r\n") },
		"cuts the question":  func(r string) []string { return many(r[:len(r)/2]) },
	} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			target := datagrams(t, answer)
			p := New(Options{})
			for kind, params := range packets() {
				r := p.Run(t.Context(), keyOf(healthcheck.Kind(kind), target, func(s *healthcheck.Settings) {
					s.Params, s.Timeout = params, 100*time.Millisecond
				}))
				if r.OK() || r.Class == healthcheck.ClassInternal || r.Duration > 10*time.Second {
					t.Errorf("%s: %s %q after %v", kind, r.Class, r.Reason, r.Duration)
				}
				if r.Reason == "" || strings.ContainsFunc(r.Reason, func(c rune) bool { return !unicode.IsPrint(c) }) {
					t.Errorf("%s: reason %q", kind, r.Reason)
				}
				if server == "says nothing" && r.Class != healthcheck.ClassTimeout {
					t.Errorf("%s: %s %q, want a timeout", kind, r.Class, r.Reason)
				}
			}
		})
	}
}
