package notify

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
)

// smtpServer is a mail server that wants STARTTLS and AUTH PLAIN, as real ones
// do. It keeps the conversation.
type smtpServer struct {
	addr string
	cert tls.Certificate
	log  chan string // a line each
}

func newSMTPServer(t *testing.T) *smtpServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	s := &smtpServer{
		addr: ln.Addr().String(), log: make(chan string, 1000),
		cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *smtpServer) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	cert, err := x509.ParseCertificate(s.cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

// serve speaks as much SMTP as one mail takes.
func (s *smtpServer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(lines ...string) { fmt.Fprint(conn, strings.Join(lines, "\r\n")+"\r\n") }
	say("220 mail")
	secure, data := false, false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.log <- line
		word, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case data && line == ".":
			data = false
			say("250 queued")
		case data:
		case word == "EHLO" && secure:
			say("250-mail", "250 AUTH PLAIN")
		case word == "EHLO":
			say("250-mail", "250 STARTTLS")
		case word == "STARTTLS":
			say("220 go")
			conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{s.cert}})
			r, secure = bufio.NewReader(conn), true
		case word == "AUTH":
			say("235 welcome")
		case word == "DATA":
			data = true
			say("354 go on")
		case word == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// conversation returns what the server was told so far.
func (s *smtpServer) conversation() string {
	var b strings.Builder
	for {
		select {
		case line := <-s.log:
			b.WriteString(line + "\n")
		default:
			return b.String()
		}
	}
}

// Changes are collected into one mail, which goes out encrypted, with the
// password, at the latest at the stop.
func TestMail(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, p := newNotifier(Settings{Host: "lb1", Mail: &conf.Mail{
		To: []string{"ops@example.com"}, From: "vipd@example.com", Server: server.addr,
		Security: "starttls", Username: "vipd", PasswordFile: password,
	}})
	n.mail.roots = server.roots(t)
	n.Tell(change("web", Master), conf.Notify{Mail: true})
	n.Tell(change("silent", Master), conf.Notify{})
	n.Tell(change("web", Stop), conf.Notify{Mail: true})
	n.Close(20 * time.Second)
	said := server.conversation()
	for _, want := range []string{
		"STARTTLS", "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00vipd\x00secret")),
		"RCPT TO:<ops@example.com>", "Subject: [lb1] instance web: STOP and 1 more changes",
		"instance web is MASTER (test)", "instance web is STOP (test)",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q was not said:\n%s", want, said)
		}
	}
	if strings.Contains(said, "silent") || strings.Count(said, "\nDATA\n") != 1 || p.text() != "" {
		t.Errorf("problems %q, said:\n%s", p.text(), said)
	}
}

// TestKeepalived_MailIsPlain: what filters look for in keepalived's mails stands in
// ours as it is, and no line is longer than mail servers take.
func TestKeepalived_MailIsPlain(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t)
	n, p := newNotifier(Settings{Mail: &conf.Mail{
		To: []string{"ops@example.com"}, From: "lb@example.com", Server: server.addr, Security: "none", Style: conf.MailKeepalived, Name: "lb",
	}})
	n.Tell(change("VI", Master), conf.Notify{Mail: true})
	n.Mail(Change{Subject: "Realserver [127.0.0.3]:tcp:8081 of virtual server [192.0.2.1]:tcp:80 - DOWN", Text: "MISC CHECK failed on service", Reason: "exit status 1: " + strings.Repeat("é\n", 5000)})
	n.Close(20 * time.Second)
	said := server.conversation()
	for _, want := range []string{
		"\nSubject: [lb] VRRP Instance VI - Entering MASTER state\n", "\nX-Mailer: Keepalived\n", "\n=> VRRP Instance is now owning VRRP VIPs <=\n",
		"\nSubject: [lb] Realserver [127.0.0.3]:tcp:8081 of virtual server [192.0.2.1]:tcp:80 - DOWN\n", "\n=> MISC CHECK failed on service <=\n", "\nexit status 1: é é",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q was not said:\n%s", want, said)
		}
	}
	if n := strings.Count(said, "Subject:"); n != 2 {
		t.Errorf("%d subjects", n)
	}
	for line := range strings.Lines(said) {
		if len(line) > 998 {
			t.Errorf("a line has %d octets", len(line))
		}
	}
	if p.text() != "" {
		t.Error(p.text())
	}
}

// TestStormIsOneMail: one mail for each change is keepalived's way; of a storm
// the first go out so, the rest as one that counts what it leaves out.
func TestStormIsOneMail(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t)
	n, p := newNotifier(Settings{Host: "lb1", Mail: &conf.Mail{
		To: []string{"ops@example.com"}, From: "vipd@example.com", Server: server.addr, Security: "none", Style: conf.MailKeepalived,
	}})
	const storm = 10000
	for i := range storm {
		n.Mail(Change{Kind: "real server", Name: fmt.Sprint(i), State: "down", Reason: "refused", Subject: fmt.Sprintf("Realserver %d - DOWN", i)})
	}
	n.Close(20 * time.Second)
	said := server.conversation()
	mails, single := strings.Count(said, "MAIL FROM:"), strings.Count(said, "- DOWN")
	if mails != mailBurst+1 || single != mailBurst || p.text() != "" {
		t.Errorf("%d mails, %d of them of one change; problems %q", mails, single, p.text())
	}
	for _, want := range []string{
		fmt.Sprintf("real server %d: down and %d more changes", mailBurst+maxMailLines-1, storm-mailBurst-1),
		fmt.Sprintf("%d more changes followed", storm-mailBurst-maxMailLines),
	} {
		if !strings.Contains(strings.ReplaceAll(said, "\n ", " "), want) {
			t.Errorf("%q was not said", want)
		}
	}
}

// TestMailsByRecipients: each change goes to those whom it concerns, in the words
// of the style, by the server that is theirs.
func TestMailsByRecipients(t *testing.T) {
	t.Parallel()
	usual, own := newSMTPServer(t), newSMTPServer(t)
	n, p := newNotifier(Settings{Host: "lb1", Mail: &conf.Mail{
		To: []string{"ops@example.com"}, From: "alerts@example.com", Server: usual.addr, Security: "none", Style: conf.MailLdirectord,
	}})
	n.Mail(Change{Subject: "Deleted real server: 192.0.2.1:80 (192.0.2.100:80)", State: "down"})
	n.Mail(Change{
		Subject: "Added real server: 192.0.2.2:80 (192.0.2.101:80) (Weight set to 1)", State: "up", Phase: conf.Starting,
		To: []string{"shop@example.com", "boss@example.com"}, Server: own.addr, Title: "shop", Comment: "ring twice",
	})
	n.Close(20 * time.Second)
	for _, tt := range []struct {
		server *smtpServer
		want   string
	}{
		{usual, "RCPT TO:<ops@example.com>\n...Subject: Deleted real server: 192.0.2.1:80 (192.0.2.100:80)\n..." +
			"ldirectord host: lb1\nLog-Message: Deleted real server: 192.0.2.1:80 (192.0.2.100:80)\nDaemon-Status: running\n.\n"},
		{own, "RCPT TO:<shop@example.com>\nRCPT TO:<boss@example.com>\n...Subject: [shop] Added real server: 192.0.2.2:80 (192.0.2.101:80) (Weight set to 1)\n..." +
			"ldirectord host: lb1\nLog-Message: [shop] Added real server: 192.0.2.2:80 (192.0.2.101:80)\n" +
			" (Weight set to 1)\nDaemon-Status: starting\n\nService name: shop\nComment: ring twice\n\n.\n"},
	} {
		said := strings.ReplaceAll(strings.ReplaceAll(tt.server.conversation(), "=\n", ""), "\n ", " ")
		for _, part := range strings.Split(strings.ReplaceAll(tt.want, "\n ", " "), "...") {
			if !strings.Contains(said, part) {
				t.Errorf("%q was not said:\n%s", part, said)
			}
		}
		if strings.Count(said, "MAIL FROM:") != 1 || !strings.Contains(said, "MAIL FROM:<alerts@example.com>") {
			t.Errorf("more than one mail, or from another sender:\n%s", said)
		}
	}
	if p.text() != "" {
		t.Errorf("problems %q", p.text())
	}
}

// TestDigestsByRecipients: what is collected is collected for each group of
// recipients.
func TestDigestsByRecipients(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t)
	n, p := newNotifier(Settings{Host: "lb1", Mail: &conf.Mail{To: []string{"ops@example.com"}, From: "root@lb1", Server: server.addr, Security: "none"}})
	for i, to := range [][]string{nil, {"shop@example.com"}, nil, {"shop@example.com"}} {
		n.Mail(Change{Kind: "real server", Name: fmt.Sprint(i), State: "down", Reason: "refused", To: to, Title: strings.Join(to, "")})
	}
	n.Close(20 * time.Second)
	said := strings.ReplaceAll(server.conversation(), "=\n", "")
	for _, want := range []string{"Subject: [lb1] real server 2: down and 1 more changes", "Subject: [lb1] [shop@example.com] real server 3: down and 1 more changes"} {
		if !strings.Contains(strings.ReplaceAll(said, "\n ", " "), want) {
			t.Errorf("%q was not said:\n%s", want, said)
		}
	}
	if strings.Count(said, "MAIL FROM:") != 2 || p.text() != "" {
		t.Errorf("problems %q, said:\n%s", p.text(), said)
	}
}

func TestWhatIsMailed(t *testing.T) {
	all, some := &conf.Mail{}, &conf.Mail{NoFaults: true}
	for _, tt := range []struct {
		change Change
		mail   *conf.Mail
		want   bool
	}{
		{Change{State: Fault}, all, true},
		{Change{State: Fault}, some, false},
		{Change{State: Master}, some, true},
		{Change{State: Master}, nil, false},
		{Change{State: Lower}, all, false},
		{Change{State: Stop}, all, true},
		{Change{State: Stop}, &conf.Mail{Style: conf.MailKeepalived}, false},
		{Change{State: Stop}, &conf.Mail{Style: conf.MailLdirectord}, false},
		{Change{State: Backup, PriorityOnly: true}, all, false},
	} {
		if got := mailed(tt.change, tt.mail); got != tt.want {
			t.Errorf("%+v with %+v: %v", tt.change, tt.mail, got)
		}
	}
}

// A server with a certificate that does not verify gets neither password nor
// mail.
func TestMailUnverified(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t)
	n, p := newNotifier(Settings{Mail: &conf.Mail{
		To: []string{"ops@example.com"}, From: "vipd@example.com", Server: server.addr, Security: "starttls",
	}})
	n.Tell(change("web", Master), conf.Notify{Mail: true})
	n.Close(20 * time.Second)
	if said := server.conversation(); strings.Contains(said, "MAIL") || !strings.Contains(p.text(), "certificate") {
		t.Errorf("problems %q, said:\n%s", p.text(), said)
	}
}
