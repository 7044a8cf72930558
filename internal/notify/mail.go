package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/vipd/vipd/conf"
)

const (
	// mailCollect is how long changes are collected into one mail.
	mailCollect = 10 * time.Second
	// mailTries and mailPause bound how stubbornly a mail is sent.
	mailTries = 3
	mailPause = 30 * time.Second
	// mailTimeout bounds one attempt.
	mailTimeout = 20 * time.Second
	// maxMailLines bounds one mail; what it leaves out is counted in it.
	maxMailLines = 200
	// mailBurst is how many mails of the styles that have one for each change
	// are sent within mailCollect; a storm beyond that becomes one mail.
	mailBurst = 20
)

// mailer collects changes and sends them.
type mailer struct {
	report func(string)
	roots  *x509.CertPool // nil = the system's

	mu       sync.Mutex
	waiting  []*letter // one for each group of recipients
	settings Settings
	timer    *time.Timer
	burst    int       // mails of one change
	since    time.Time // of the burst
	closing  chan struct{}
	work     sync.WaitGroup
}

func newMailer(report func(string)) *mailer {
	return &mailer{report: report, closing: make(chan struct{})}
}

// add adds a change to the next mail to those who get it.
func (m *mailer) add(c Change, s Settings) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settings = s
	m.letterFor(c).add(c)
	switch {
	case m.timer != nil:
	case single(s.Mail) && m.single(time.Now()):
		m.flushLocked()
	default:
		m.timer = time.AfterFunc(mailCollect, m.flush)
	}
}

// letterFor returns the letter that waits for a change's recipients.
func (m *mailer) letterFor(c Change) *letter {
	for _, l := range m.waiting {
		if l.server == c.Server && slices.Equal(l.to, c.To) {
			return l
		}
	}
	l := &letter{to: c.To, server: c.Server}
	m.waiting = append(m.waiting, l)
	return l
}

// single reports whether a change may have a mail of its own now.
func (m *mailer) single(now time.Time) bool {
	if now.Sub(m.since) >= mailCollect {
		m.since, m.burst = now, 0
	}
	m.burst++
	return m.burst <= mailBurst
}

// flush sends what was collected, in the background.
func (m *mailer) flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer = nil
	m.flushLocked()
}

func (m *mailer) flushLocked() {
	s := m.settings
	for _, l := range m.waiting {
		m.work.Go(func() { m.send(l, s) })
	}
	m.waiting = nil
}

// send tries a few times.
func (m *mailer) send(l *letter, s Settings) {
	var err error
	for range mailTries {
		if err = m.try(l, s); err == nil {
			return
		}
		select {
		case <-m.closing:
			m.report("mail is not sent: " + err.Error())
			return
		case <-time.After(mailPause):
		}
	}
	m.report("mail is not sent: " + err.Error())
}

func (m *mailer) try(l *letter, s Settings) error {
	s.Mail = l.mail(s.Mail)
	msg, err := compose(l, s)
	if err != nil {
		return err
	}
	client, err := m.client(s.Mail)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(s.Mail.Timeout, mailTimeout))
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	return nil
}

// securities are the words of the configuration.
var securities = map[string]mail.TLSPolicy{"starttls": mail.TLSMandatory, "none": mail.NoTLS, "tls": mail.NoTLS}

// client prepares the connection to the mail server.
func (m *mailer) client(c *conf.Mail) (*mail.Client, error) {
	host, portText, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, fmt.Errorf("read mail server: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("read port of mail server: %w", err)
	}
	options := []mail.Option{
		mail.WithPort(port), mail.WithTLSPolicy(securities[c.Security]),
		mail.WithTLSConfig(&tls.Config{ServerName: host, RootCAs: m.roots, MinVersion: tls.VersionTLS12}),
	}
	if c.Hello != "" {
		options = append(options, mail.WithHELO(c.Hello))
	}
	if c.Security == "tls" {
		options = append(options, mail.WithSSL())
	}
	if c.Username != "" {
		password, err := readPassword(c.PasswordFile)
		if err != nil {
			return nil, err
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.Username), mail.WithPassword(password))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("prepare mail client: %w", err)
	}
	return client, nil
}

func readPassword(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read mail password: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), nil
}

// close sends what was collected at once and waits for it until the deadline.
func (m *mailer) close(deadline time.Time) {
	m.mu.Lock()
	if m.timer != nil {
		m.timer.Stop()
	}
	m.mu.Unlock()
	close(m.closing)
	m.flush()
	done := make(chan struct{})
	go func() {
		m.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Until(deadline)):
	}
}
