package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/vipd/vipd/conf"
)

// letter is what one mail tells whom.
type letter struct {
	to      []string // empty = those of the mail block
	server  string   // "" = that of the mail block
	changes []Change
	omitted int // changes that are not among them
}

// add adds a change while there is room.
func (l *letter) add(c Change) {
	if len(l.changes) < maxMailLines {
		l.changes = append(l.changes, c)
	} else {
		l.omitted++
	}
}

// mail is how the letter is sent.
func (l *letter) mail(global *conf.Mail) *conf.Mail {
	m := *global
	m.Server = cmp.Or(l.server, m.Server)
	if len(l.to) > 0 {
		m.To = l.to
	}
	return &m
}

// single reports whether every change has a mail of its own.
func single(m *conf.Mail) bool {
	return m.Style == conf.MailKeepalived || m.Style == conf.MailLdirectord
}

// compose writes the mail.
func compose(l *letter, s Settings) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(s.Mail.From); err != nil {
		return nil, fmt.Errorf("set sender: %w", err)
	}
	if err := msg.To(s.Mail.To...); err != nil {
		return nil, fmt.Errorf("set recipients: %w", err)
	}
	subject, body := l.words(s)
	encoding, whole := mail.EncodingQP, false
	if single(s.Mail) && len(l.changes) == 1 { // filters look for "=>", and at one line
		encoding, whole = mail.NoEncoding, plain(subject)
	}
	if whole {
		msg.SetGenHeaderPreformatted(mail.HeaderSubject, subject)
	} else {
		msg.Subject(subject)
	}
	agent := "vipd"
	if s.Mail.Style == conf.MailKeepalived {
		agent = "Keepalived"
	}
	msg.SetUserAgent(agent)
	msg.SetDate()
	msg.SetBodyString(mail.TypeTextPlain, body, mail.WithPartEncoding(encoding))
	return msg, nil
}

// words are the subject and the text.
func (l *letter) words(s Settings) (subject, body string) {
	c, host := l.changes[0], cmp.Or(s.Mail.Name, s.Host)
	alone := len(l.changes) == 1
	switch {
	case alone && s.Mail.Style == conf.MailLdirectord && c.Subject != "":
		subject = titled(c.Title, c.Subject)
		return subject, asLdirectord(subject, host, c.Phase) + l.details()
	case alone && s.Mail.Style == conf.MailKeepalived:
		subject, body = asKeepalived(c)
	default:
		subject, body = l.digest()
	}
	return fmt.Sprintf("[%s] %s", host, titled(l.title(), subject)), body + l.details()
}

// titled puts a title before a subject.
func titled(title, subject string) string {
	if title == "" {
		return subject
	}
	return fmt.Sprintf("[%s] %s", title, subject)
}

// title is the one that all changes have, or "".
func (l *letter) title() string {
	for _, c := range l.changes {
		if c.Title != l.changes[0].Title {
			return ""
		}
	}
	return l.changes[0].Title
}

// details are the titles and comments of what changed, in ldirectord's form.
func (l *letter) details() string {
	var all []string
	for _, c := range l.changes {
		text := ""
		if c.Title != "" {
			text = "Service name: " + c.Title + "\n"
		}
		if c.Comment != "" {
			text += "Comment: " + c.Comment + "\n"
		}
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "\n" + strings.Join(all, "\n") + "\n"
}

// digest tells of all changes.
func (l *letter) digest() (subject, body string) {
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

// asLdirectord is the text of a mail with the words that filters of ldirectord's
// mails look for.
func asLdirectord(subject, host string, phase conf.Phase) string {
	return fmt.Sprintf("ldirectord host: %s\nLog-Message: %s\nDaemon-Status: %s\n", host, subject, cmp.Or(phase, conf.Running))
}

// asKeepalived tells of one change with the words that filters of keepalived's
// mails look for. What a check said stands below them.
func asKeepalived(c Change) (subject, body string) {
	if c.Subject != "" {
		body = "=> " + oneLine(c.Text) + " <=\n"
		if c.Reason != "" {
			body += "\n" + oneLine(c.Reason) + "\n"
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

// maxMailLine bounds a line of a mail that is sent as it is (RFC 5321 section
// 4.5.3.1.6: 1000 octets).
const maxMailLine = 800

// plain reports whether a text can stand in a header as it is.
func plain(s string) bool {
	return len(s) <= maxMailLine && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// oneLine makes one line of what a check said.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > maxMailLine {
		s = strings.ToValidUTF8(s[:maxMailLine], "") + "…"
	}
	return s
}
