package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// stream is a connection with a dialogue of text lines on it. What the server
// may say in all is bounded, and so is a line.
type stream struct {
	a    *attempt
	conn net.Conn
	in   *bufio.Reader
	tls  *tls.Config // nil = plain
}

// Bounds of a dialogue.
const (
	maxDialogue = 256 << 10
	maxLine     = 4 << 10
)

// streamed makes a check of a dialogue over TCP: it connects, starts TLS
// unless that is up to the dialogue, and closes the connection afterwards.
func streamed(s healthcheck.Settings, o Options, talk func(context.Context, *stream) (string, error)) check {
	var config *tls.Config
	if s.TLS.Mode != healthcheck.TLSOff {
		config = clientConfig(s, o, "")
	}
	return func(ctx context.Context, a *attempt) (string, error) {
		conn, err := connect(ctx, a)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		defer limit(ctx, conn)()
		t := &stream{a: a, conn: conn, tls: config}
		if s.Kind == healthcheck.KindFTP && config != nil {
			t.tls = resumable(config)
		}
		t.reset()
		if s.TLS.Mode == healthcheck.TLSOn {
			if err := t.startTLS(ctx); err != nil {
				return "", err
			}
		}
		a.phase = phaseGreeting
		return talk(ctx, t)
	}
}

// reset begins to read from the connection anew: what came in plain text
// before a handshake is not part of what follows it.
func (t *stream) reset() {
	t.in = bufio.NewReaderSize(&bounded{from: t.conn, left: maxDialogue, what: "dialogue", bound: maxDialogue}, maxLine)
}

// startTLS encrypts the connection.
func (t *stream) startTLS(ctx context.Context) error {
	secure, err := handshake(ctx, t.a, t.conn, t.tls)
	if err != nil {
		return err
	}
	t.conn = secure
	t.reset()
	t.a.phase = phaseAnswer
	return nil
}

// starts reports whether the dialogue has to start TLS by its own command.
func (t *stream) starts() bool { return t.a.key.Settings.TLS.Mode == healthcheck.TLSStart }

// send writes text, if any. From then on an answer is waited for.
func (t *stream) send(text string) error {
	if text == "" {
		return nil
	}
	_, err := io.WriteString(t.conn, text)
	t.a.phase = phaseAnswer
	return err
}

// command sends a line and reads one.
func (t *stream) command(format string, args ...any) (string, error) {
	if err := t.send(fmt.Sprintf(format, args...) + "\r\n"); err != nil {
		return "", err
	}
	return t.line()
}

// line reads one line without its end.
func (t *stream) line() (string, error) {
	text, err := t.partial()
	if err != nil {
		return "", err
	}
	return text, nil
}

// partial is like line, and returns with an error what came before it: to some
// protocols the end of the connection is that of a line.
func (t *stream) partial() (string, error) {
	text, err := t.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", &failure{healthcheck.ClassProtocol, fmt.Sprintf("the server sends a line of more than %d bytes: %q…", maxLine, text[:maxExcerpt])}
	}
	return strings.TrimRight(string(text), "\r\n"), err
}

// unexpected is the failure of a server that says something else than the
// protocol or the check wants.
func unexpected(class healthcheck.Class, to, got string) error {
	return &failure{class, fmt.Sprintf("unexpected answer to %s: %q", to, shorten(got))}
}

// shorten cuts what a server said for a reason.
func shorten(text string) string {
	if len(text) > 2*maxExcerpt {
		return text[:2*maxExcerpt] + "…"
	}
	return text
}
