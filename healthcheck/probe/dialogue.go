package probe

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// reply reads an answer of a protocol with three-digit codes (RFC 5321
// section 4.2.1, RFC 959 section 4.2): its lines but the last have a dash, or
// for FTP anything, after the code. It returns the code and the last line.
func (t *stream) reply() (code, line string, err error) {
	for first := ""; ; {
		if line, err = t.line(); err != nil {
			return "", "", err
		}
		t.a.phase = phaseAnswer
		if first == "" {
			if len(line) < 3 || strings.Trim(line[:3], "0123456789") != "" {
				return "", "", &failure{healthcheck.ClassProtocol, fmt.Sprintf("the server does not speak %s: %q", t.a.key.Settings.Kind, shorten(line))}
			}
			first = line[:3]
		}
		if strings.HasPrefix(line, first) && (len(line) == 3 || line[3] == ' ') {
			return first, line, nil
		}
	}
}

// want sends a command, unless it is empty, and fails unless the code of the
// answer begins with prefix. said names the command in reasons.
func (t *stream) want(prefix, said, command string) (line string, err error) {
	if command != "" {
		if err := t.send(command + "\r\n"); err != nil {
			return "", err
		}
	}
	code, line, err := t.reply()
	if err == nil && !strings.HasPrefix(code, prefix) {
		err = unexpected(healthcheck.ClassStatus, said, line)
	}
	return line, err
}

// prepareSMTP prepares a check that reads the greeting, says EHLO (with TLS
// mode starttls: before and after STARTTLS, RFC 3207) and QUIT.
func prepareSMTP(s healthcheck.Settings, o Options) (check, error) {
	name := s.Params.(healthcheck.SMTP).Hello
	return streamed(s, o, func(ctx context.Context, t *stream) (string, error) {
		greeting, err := t.want("220", "connecting", "")
		if err != nil {
			return "", err
		}
		if err := t.smtpHello(name); err != nil {
			return "", err
		}
		if t.starts() {
			if _, err := t.want("220", "STARTTLS", "STARTTLS"); err != nil {
				return "", err
			}
			if err := t.startTLS(ctx); err != nil {
				return "", err
			}
			if err := t.smtpHello(name); err != nil {
				return "", err
			}
		}
		_, err = t.want("221", "QUIT", "QUIT")
		return shorten(greeting), err
	}), nil
}

// smtpHello says EHLO and, to a server or a firewall before it that does not know
// the word, HELO (RFC 5321 section 3.2).
func (t *stream) smtpHello(name string) error {
	line, err := t.want("250", "EHLO", "EHLO "+name)
	if strings.HasPrefix(line, "500") || strings.HasPrefix(line, "502") {
		_, err = t.want("250", "HELO", "HELO "+name)
	}
	return err
}

// preparePOP3 prepares a check that reads the greeting, logs in if there is a
// user, and says QUIT (RFC 1939, RFC 2595).
func preparePOP3(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.Mailbox)
	return streamed(s, o, func(ctx context.Context, t *stream) (string, error) {
		greeting, err := t.line()
		if err := positive(greeting, err, "connecting"); err != nil {
			return "", err
		}
		if t.starts() {
			if err := t.pop3("STLS", "STLS"); err != nil {
				return "", err
			}
			if err := t.startTLS(ctx); err != nil {
				return "", err
			}
		}
		if p.User != "" {
			if err := t.pop3("USER", "USER "+p.User); err != nil {
				return "", err
			}
			if err := t.pop3("PASS", "PASS "+p.Password); err != nil {
				return "", err
			}
		}
		return shorten(greeting), t.pop3("QUIT", "QUIT")
	}), nil
}

func (t *stream) pop3(said, command string) error {
	line, err := t.command("%s", command)
	return positive(line, err, said)
}

// positive judges a status line of POP3.
func positive(line string, err error, said string) error {
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(line, "+OK"):
		return nil
	case strings.HasPrefix(line, "-ERR"):
		return unexpected(healthcheck.ClassStatus, said, line)
	}
	return unexpected(healthcheck.ClassProtocol, said, line)
}

// prepareIMAP prepares a check that reads the greeting, logs in if there is a
// user, and logs out (RFC 9051).
func prepareIMAP(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.Mailbox)
	return streamed(s, o, func(ctx context.Context, t *stream) (string, error) {
		greeting, err := t.line()
		switch {
		case err != nil:
			return "", err
		case strings.HasPrefix(greeting, "* BYE"):
			return "", unexpected(healthcheck.ClassStatus, "connecting", greeting)
		case !strings.HasPrefix(greeting, "* OK") && !strings.HasPrefix(greeting, "* PREAUTH"):
			return "", unexpected(healthcheck.ClassProtocol, "connecting", greeting)
		}
		if t.starts() {
			if err := t.imap("a1", "STARTTLS", ""); err != nil {
				return "", err
			}
			if err := t.startTLS(ctx); err != nil {
				return "", err
			}
		}
		if p.User != "" {
			if err := t.imap("a2", "LOGIN", " "+imapQuoted(p.User)+" "+imapQuoted(p.Password)); err != nil {
				return "", err
			}
		}
		return shorten(greeting), t.imap("a3", "LOGOUT", "")
	}), nil
}

// imap sends a command and reads to its tagged answer.
func (t *stream) imap(tag, command, args string) error {
	line, err := t.command("%s %s%s", tag, command, args)
	for err == nil && strings.HasPrefix(line, "* ") {
		line, err = t.line()
	}
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(line, tag+" OK"):
		return nil
	case strings.HasPrefix(line, tag+" "):
		return unexpected(healthcheck.ClassStatus, command, line)
	}
	return unexpected(healthcheck.ClassProtocol, command, line)
}

// imapQuoted writes a quoted string (RFC 9051 section 4.3).
func imapQuoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// prepareNNTP prepares a check that is content with a server that lets us
// read or post (RFC 3977 section 5.1).
func prepareNNTP(s healthcheck.Settings, o Options) (check, error) {
	return streamed(s, o, func(ctx context.Context, t *stream) (string, error) {
		greeting, err := t.want("20", "connecting", "")
		if err != nil {
			return "", err
		}
		if t.starts() {
			if _, err := t.want("382", "STARTTLS", "STARTTLS"); err != nil {
				return "", err
			}
			if err := t.startTLS(ctx); err != nil {
				return "", err
			}
		}
		_, err = t.want("205", "QUIT", "QUIT")
		return shorten(greeting), err
	}), nil
}

// optional compiles a regular expression that may be absent.
func optional(expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	return regexp.Compile(expr)
}
