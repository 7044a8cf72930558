package twin

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// servers are the real servers of the world: HTTP on port 80, a mail server on
// port 25. An address without them refuses connections.
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
		"80": func(ln net.Listener) { http.Serve(ln, http.HandlerFunc(answer)) }, // ends with the listener
		"25": func(ln net.Listener) { acceptMail(ln, func(string) {}) },
	}
	for port, run := range serve {
		var ln net.Listener
		lab.WaitFor(s.t, addr+" is usable", converge, func() (err error) { // an IPv6 address is tentative at first
			ln, err = s.world.Listen(net.JoinHostPort(addr, port))
			return err
		})
		go run(ln)
		s.mu.Lock()
		s.open[addr] = append(s.open[addr], ln)
		s.mu.Unlock()
	}
}

// answer answers every request with its path, "/status/503" with that status.
func answer(w http.ResponseWriter, r *http.Request) {
	var status int
	if _, err := fmt.Sscanf(r.URL.Path, "/status/%d", &status); err == nil {
		w.WriteHeader(status)
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

// mailbox is the mail server of the site, 192.0.2.254 port 25. It keeps the
// subjects.
type mailbox struct {
	mu       sync.Mutex
	subjects []string
}

func startMailbox(t *testing.T, world *lab.Host) *mailbox {
	t.Helper()
	m := &mailbox{}
	ln, err := world.Listen("192.0.2.254:25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go acceptMail(ln, func(subject string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.subjects = append(m.subjects, "mail "+subject)
	})
	return m
}

func (m *mailbox) lines() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.subjects...)
}

func (m *mailbox) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subjects = nil
}

// acceptMail speaks SMTP (RFC 5321) until the listener closes.
func acceptMail(ln net.Listener, subject func(string)) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go takeMail(conn, subject)
	}
}

// takeMail takes the mail of one connection.
func takeMail(conn net.Conn, subject func(string)) {
	defer conn.Close()
	say := func(text string) { io.WriteString(conn, text+"\r\n") }
	say("220 mail.example.com ESMTP")
	data := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		switch {
		case data && line == ".":
			data = false
			say("250 taken")
		case data:
			if s, is := strings.CutPrefix(line, "Subject: "); is {
				subject(s)
			}
		case strings.EqualFold(line, "DATA"):
			data = true
			say("354 go on")
		case strings.EqualFold(line, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 mail.example.com")
		}
	}
}
