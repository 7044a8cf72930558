package twin

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// servers are the real servers of the world: HTTP on port 80, on port 443 with
// TLS and for clients with a certificate only, a mail server on port 25, a
// mailbox on port 110, a database on port 5432, a name server on UDP port 53, echo on
// UDP port 7, RADIUS on UDP port 1812. An address without them refuses connections.
type servers struct {
	t     *testing.T
	world *lab.Host
	mu    sync.Mutex
	open  map[string][]io.Closer
}

// realAddresses are the real servers that run from the start.
var realAddresses = []string{
	"192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14", "2001:db8::11", "2001:db8::12", "2001:db8::13", "2001:db8::14",
}

func startServers(t *testing.T, world *lab.Host) *servers {
	t.Helper()
	s := &servers{t: t, world: world, open: map[string][]io.Closer{}}
	for _, addr := range realAddresses {
		world.AddAddress("eth0", withLength(addr))
		s.start(addr)
	}
	t.Cleanup(func() {
		for _, addr := range realAddresses {
			s.stop(addr)
		}
	})
	return s
}

// start opens the ports of an address.
func (s *servers) start(addr string) {
	s.t.Helper()
	serve := map[string]func(net.Listener){
		"80":  func(ln net.Listener) { http.Serve(ln, http.HandlerFunc(answer)) }, // ends with the listener
		"443": func(ln net.Listener) { httpsServer(ln).StartTLS() },
		"25":  func(ln net.Listener) { acceptMail(ln, func(string) {}) },
		"110": acceptPOP, "5432": acceptPostgreSQL,
	}
	for port, run := range serve {
		var ln net.Listener
		lab.WaitFor(s.t, addr+" is usable", converge, func() (err error) { // an IPv6 address is tentative at first
			ln, err = s.world.Listen(net.JoinHostPort(addr, port))
			return err
		})
		go run(ln)
		s.keep(addr, ln)
	}
	for port, reply := range map[string]func([]byte) []byte{"53": nameAnswer, "7": func(b []byte) []byte { return b }, "1812": radiusAnswer} {
		var conn net.PacketConn
		err := s.world.Do(func() (err error) {
			conn, err = net.ListenPacket("udp", net.JoinHostPort(addr, port))
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
		go answerPackets(conn, reply)
		s.keep(addr, conn)
	}
}

// keep closes something when the address stops to serve.
func (s *servers) keep(addr string, c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[addr] = append(s.open[addr], c)
}

// httpsServer is a server that wants a certificate, whosever.
func httpsServer(ln net.Listener) *httptest.Server {
	return &httptest.Server{
		Listener: ln, TLS: &tls.Config{ClientAuth: tls.RequireAnyClientCert},
		Config: &http.Server{Handler: http.HandlerFunc(answer), ErrorLog: log.New(io.Discard, "", 0)},
	}
}

// clientFiles are a certificate and its key that the director may show: those
// of package httptest.
func clientFiles(t *testing.T) map[string]string {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	own := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return map[string]string{"client.crt": block("CERTIFICATE", own.Certificate[0]), "client.key": block("PRIVATE KEY", key)}
}

// answerPackets answers until the socket closes.
func answerPackets(conn net.PacketConn, reply func([]byte) []byte) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		conn.WriteTo(reply(buf[:n]), from) // lost is lost
	}
}

// nameAnswer answers a question of one name with 192.0.2.80 (RFC 1035 section 4.1).
func nameAnswer(query []byte) []byte {
	const header = 12
	end := header
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	if end+5 > len(query) {
		return nil
	}
	question := query[header : end+5]
	out := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, question...)
	return append(out, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80)
}

// answer answers every request with its path, "/status/503" with that status,
// "/host/NAME" well only where the request is for that host, and "/slow/4s" after
// that time.
func answer(w http.ResponseWriter, r *http.Request) {
	if text, is := strings.CutPrefix(r.URL.Path, "/slow/"); is {
		if wait, err := time.ParseDuration(text); err == nil {
			time.Sleep(wait)
		}
	}
	var status int
	if _, err := fmt.Sscanf(r.URL.Path, "/status/%d", &status); err == nil {
		w.WriteHeader(status)
	}
	if host, is := strings.CutPrefix(r.URL.Path, "/host/"); is && r.Host != host {
		w.WriteHeader(http.StatusNotFound)
	}
	fmt.Fprintln(w, "alive", r.URL.Path)
}

// stop closes the ports of an address.
func (s *servers) stop(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open[addr] {
		c.Close()
	}
	delete(s.open, addr)
}

// mailbox is the mail server of the site, 192.0.2.254 port 25. It keeps who said
// what to whom.
type mailbox struct {
	mu    sync.Mutex
	mails []string
}

func startMailbox(t *testing.T, world *lab.Host) *mailbox {
	t.Helper()
	m := &mailbox{}
	ln, err := world.Listen("192.0.2.254:25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go acceptMail(ln, func(mail string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.mails = append(m.mails, "mail "+mail)
	})
	return m
}

func (m *mailbox) lines() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

func (m *mailbox) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mails = nil
}

// acceptMail speaks SMTP (RFC 5321) until the listener closes.
func acceptMail(ln net.Listener, taken func(mail string)) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go takeMail(conn, taken)
	}
}

// takeMail takes the mail of one connection.
func takeMail(conn net.Conn, taken func(mail string)) {
	defer conn.Close()
	say := func(text string) { io.WriteString(conn, text+"\r\n") }
	say("220 mail.example.com ESMTP")
	var envelope []string
	data, subject, folding, text := false, "", false, ""
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		folding = folding && strings.HasPrefix(lines.Text(), " ") // RFC 5322 section 2.2.3
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case data && line == ".":
			data = false
			taken(strings.Join(append(envelope, subject+text), ", "))
			text = ""
			say("250 taken")
		case data && folding:
			subject += " " + line
		case data:
			if s, is := strings.CutPrefix(line, "Subject: "); is {
				subject, folding = s, true
			}
			if status, is := strings.CutPrefix(line, "Daemon-Status: "); is {
				subject += ", " + status
			}
			if line == "X-Mailer: Keepalived" { // who sent it, and what it says
				text = ", Keepalived" + text
			}
			if strings.HasPrefix(line, "=>") {
				text += ", " + line
			}
		case verb == "DATA":
			data = true
			say("354 go on")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			if verb == "MAIL" || verb == "RCPT" {
				_, address, _ := strings.Cut(line, ":")
				envelope = append(envelope, strings.ToLower(verb)+" "+strings.Fields(address + " ")[0])
			}
			say("250 mail.example.com")
		}
	}
}
