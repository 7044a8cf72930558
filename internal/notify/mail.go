package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
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
	// mailBurst is how many mails of keepalived's style, one for each change,
	// are sent within mailCollect; a storm beyond that becomes one mail.
	mailBurst = 20
)

// mailer collects changes and sends them.
type mailer struct {
	report func(string)
	roots  *x509.CertPool // nil = the system's

	mu       sync.Mutex
	waiting  []Change
	omitted  int // changes that the next mail has no room for
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

// add adds a change to the next mail.
func (m *mailer) add(c Change, s Settings) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settings = s
	if len(m.waiting) < maxMailLines {
		m.waiting = append(m.waiting, c)
	} else {
		m.omitted++
	}
	switch {
	case m.timer != nil:
	case s.Mail.Style == conf.MailKeepalived && m.single(time.Now()):
		m.flushLocked()
	default:
		m.timer = time.AfterFunc(mailCollect, m.flush)
	}
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
	if len(m.waiting) == 0 {
		return
	}
	l, s := letter{m.waiting, m.omitted}, m.settings
	m.waiting, m.omitted = nil, 0
	m.work.Go(func() { m.send(l, s) })
}

// letter is what one mail tells.
type letter struct {
	changes []Change
	omitted int // changes that are not among them
}

// send tries a few times.
func (m *mailer) send(l letter, s Settings) {
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

func (m *mailer) try(l letter, s Settings) error {
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

// compose writes the mail.
func compose(l letter, s Settings) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(s.Mail.From); err != nil {
		return nil, fmt.Errorf("set sender: %w", err)
	}
	if err := msg.To(s.Mail.To...); err != nil {
		return nil, fmt.Errorf("set recipients: %w", err)
	}
	subject, body := digest(l)
	agent := "vipd"
	if s.Mail.Style == conf.MailKeepalived {
		agent = "Keepalived"
		if len(l.changes) == 1 {
			subject, body = asKeepalived(l.changes[0])
		}
	}
	msg.SetUserAgent(agent)
	msg.Subject(fmt.Sprintf("[%s] %s", cmp.Or(s.Mail.Name, s.Host), subject))
	msg.SetDate()
	msg.SetBodyString(mail.TypeTextPlain, body)
	return msg, nil
}

// digest tells of all changes.
func digest(l letter) (subject, body string) {
	last := l.changes[len(l.changes)-1]
	subject = fmt.Sprintf("%s %s: %s", strings.ToLower(last.Kind), last.Name, last.State)
	if more := len(l.changes) - 1 + l.omitted; more > 0 {
		subject += fmt.Sprintf(" and %d more changes", more)
	}
	var text strings.Builder
	for _, c := range l.changes {
		fmt.Fprintf(&text, "%s  %s %s is %s (%s)\n", c.At.Format(time.DateTime+".000"), strings.ToLower(c.Kind), c.Name, c.State, c.Reason)
	}
	if l.omitted > 0 {
		fmt.Fprintf(&text, "%d more changes followed, which are in the log.\n", l.omitted)
	}
	return subject, text.String()
}

// asKeepalived tells of one change with the words that filters of keepalived's
// mails look for. What a check said stands below them.
func asKeepalived(c Change) (subject, body string) {
	if c.Subject != "" {
		body = "=> " + c.Text + " <=\n"
		if c.Reason != "" {
			body += "\n" + c.Reason + "\n"
		}
		return c.Subject, body
	}
	kind, text := "VRRP Instance", map[State]string{
		Master: "VRRP Instance is now owning VRRP VIPs", Backup: "VRRP Instance is no longer owning VRRP VIPs", Fault: "VRRP Instance is no longer owning VRRP VIPs",
		Stop: "VRRP Instance stopping", Deleted: "VRRP Deleted at reload",
	}[c.State]
	if c.Kind == Group {
		kind, text = "VRRP Group", map[State]string{
			Master: "All VRRP group instances are now in MASTER state", Backup: "All VRRP group instances are now in BACKUP state",
			Fault: "All VRRP group instances are now in FAULT state", Stop: "All VRRP group instances are now stopping",
		}[c.State]
	}
	return fmt.Sprintf("%s %s - Entering %s state", kind, c.Name, c.State), "=> " + text + " <=\n"
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
