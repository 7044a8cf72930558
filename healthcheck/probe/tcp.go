package probe

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"github.com/vipd/vipd/healthcheck"
)

// prepareTCP prepares a check that is content when the connection is accepted
// and, if settings say so, the right text comes back.
//
// The connection is closed in the ordinary way. A reset (SO_LINGER 0) would
// save this host a socket in TIME_WAIT for a minute, but servers log resets
// as errors, and accept() may fail for a connection that was reset in the
// queue. TIME_WAIT costs little: 60 entries per target at one probe a second,
// bounded by net.ipv4.tcp_max_tw_buckets, and as each target is another
// 4-tuple the local ports do not run out.
func prepareTCP(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.TCP)
	if p == (healthcheck.TCP{}) && s.TLS.Mode == healthcheck.TLSOff {
		return func(ctx context.Context, a *attempt) (string, error) {
			conn, err := connect(ctx, a)
			if err != nil {
				return "", err
			}
			conn.Close()
			return "connection accepted", nil
		}, nil
	}
	expect, err := optional(p.Expect)
	if err != nil {
		return nil, err
	}
	return streamed(s, o, func(ctx context.Context, t *stream) (string, error) {
		if err := t.send(string(p.Send)); err != nil {
			return "", err
		}
		if p.Finish {
			t.finish()
		}
		if expect == nil {
			return "connection accepted", nil
		}
		return t.search(expect)
	}), nil
}

// finish half-closes the connection where that is possible.
func (t *stream) finish() {
	if half, ok := t.conn.(interface{ CloseWrite() error }); ok {
		// A server that has gone is found by the next read.
		_ = half.CloseWrite()
	}
}

// search reads until expect matches what was read so far, the server closes,
// or too much came.
func (t *stream) search(expect *regexp.Regexp) (string, error) {
	var got []byte
	buf := make([]byte, 4096)
	for len(got) < maxHeader {
		n, err := t.in.Read(buf)
		t.a.phase = phaseText
		got = append(got, buf[:n]...)
		if expect.Match(got) {
			return fmt.Sprintf("%q found in %d bytes", expect, len(got)), nil
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	return "", &failure{healthcheck.ClassBody, mismatch(expect.String(), "answer", got)}
}

// mismatch describes a text in which the expected one was not found.
func mismatch(expect, where string, got []byte) string {
	excerpt, more := got, ""
	if len(excerpt) > maxExcerpt {
		excerpt, more = excerpt[:maxExcerpt], "…"
	}
	return fmt.Sprintf("%q not found in the %s (%d bytes: %q%s)", expect, where, len(got), excerpt, more)
}
