package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"sync"

	"github.com/vipd/vipd/healthcheck"
)

// Bounds of what is read from a server.
const (
	maxHeader  = 64 << 10
	maxBody    = 1 << 20
	maxExcerpt = 40 // of an unexpected body, in a reason
)

// web is a prepared HTTP or HTTPS check. One probe is one connection and one
// request; redirects are not followed, their status is judged like any other.
// The request is written and the answer read without http.Transport, whose
// two goroutines and connection pool per probe a checker of thousands would
// pay for and not use.
type web struct {
	settings healthcheck.Settings
	status   healthcheck.StatusSet
	expect   *regexp.Regexp // nil = any body
	tls      *tls.Config    // nil = plain
}

// prepareWeb prepares an HTTP or HTTPS check.
func prepareWeb(s healthcheck.Settings, o Options) (check, error) {
	w := &web{settings: s}
	var err error
	if w.status, err = healthcheck.ParseStatusSet(s.Status); err != nil {
		return nil, err
	}
	if s.Expect != "" {
		if w.expect, err = regexp.Compile(s.Expect); err != nil {
			return nil, err
		}
	}
	if s.Kind == healthcheck.KindHTTPS {
		w.tls = clientConfig(s, o)
	}
	return w.run, nil
}

func (w *web) run(ctx context.Context, a *attempt) (string, error) {
	conn, err := connect(ctx, a)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer limit(ctx, conn)()
	if w.tls != nil {
		if conn, err = handshake(ctx, a, conn, w.tls); err != nil {
			return "", err
		}
		defer conn.Close()
	}
	resp, err := w.exchange(a, conn)
	if err != nil {
		return "", err
	}
	// The body is not closed: that would read an endless page to its end, and
	// it holds nothing but the connection.
	if !w.status.Contains(resp.StatusCode) {
		return "", &failure{healthcheck.ClassStatus,
			fmt.Sprintf("HTTP status %d, expected %s", resp.StatusCode, w.settings.Status)}
	}
	if err := w.judgeBody(a, resp.Body); err != nil {
		return "", err
	}
	return fmt.Sprintf("HTTP status %d", resp.StatusCode), nil
}

// request returns the bytes of the request (RFC 9112 section 3). Validated
// settings hold nothing that could end a line.
func (w *web) request(target netip.AddrPort) []byte {
	host := w.settings.VirtualHost
	if host == "" {
		host = hostOf(target, w.settings.Kind)
	}
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: vipd\r\nAccept: */*\r\nConnection: close\r\n\r\n",
		w.settings.Method, w.settings.Path, host)
}

// hostOf writes an address as a Host field: without zone, and without the
// port when it is the scheme's own (RFC 9110 section 4.2.1).
func hostOf(target netip.AddrPort, kind healthcheck.Kind) string {
	target = netip.AddrPortFrom(target.Addr().WithZone("").Unmap(), target.Port())
	usual := kind == healthcheck.KindHTTP && target.Port() == 80 ||
		kind == healthcheck.KindHTTPS && target.Port() == 443
	switch {
	case !usual:
		return target.String()
	case target.Addr().Is6():
		return "[" + target.Addr().String() + "]"
	}
	return target.Addr().String()
}

// exchange sends the request and reads the answer's header.
func (w *web) exchange(a *attempt, conn net.Conn) (*http.Response, error) {
	a.phase = phaseAnswer
	// A server may answer (a status for too many clients, say) and close
	// before it read the request: what it said counts for more than the
	// error of writing.
	_, writeErr := conn.Write(w.request(a.key.Target))
	from := &bounded{from: conn, left: maxHeader}
	in := bufio.NewReader(from)
	if err := firstByte(a, in); err != nil {
		if writeErr != nil {
			return nil, writeErr
		}
		return nil, err
	}
	resp, err := w.finalResponse(in)
	if err != nil && from.err != nil {
		return nil, from.err // why the parser found half a line
	}
	from.left = math.MaxInt64 // judgeBody has its own bound
	return resp, err
}

// bounded reads up to left bytes and remembers the error that ended it.
type bounded struct {
	from io.Reader
	left int64
	err  error
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = &failure{healthcheck.ClassProtocol, fmt.Sprintf("header of the answer exceeds %d bytes", maxHeader)}
		return 0, b.err
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	b.err = err
	return n, err
}

func firstByte(a *attempt, in *bufio.Reader) error {
	defer a.enter(phaseAnswer, &a.result.First)()
	_, err := in.Peek(1)
	return err
}

// finalResponse reads past informational responses (RFC 9110 section 15.2)
// unless one of them is what the check expects.
func (w *web) finalResponse(in *bufio.Reader) (*http.Response, error) {
	asked := &http.Request{Method: w.settings.Method}
	for {
		resp, err := http.ReadResponse(in, asked)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols ||
			w.status.Contains(resp.StatusCode) {
			return resp, err
		}
	}
}

// bodies recycles the memory of bodies that are searched.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// judgeBody reads the body to its end or to maxBody, whichever is first, and
// searches it. It reads also when nothing is searched for: a page that never
// ends, or breaks off, is no success.
func (w *web) judgeBody(a *attempt, body io.Reader) error {
	a.phase = phaseBody
	body = io.LimitReader(body, maxBody)
	if w.expect == nil {
		_, err := io.Copy(io.Discard, body)
		return err
	}
	buf := bodies.Get().(*bytes.Buffer)
	defer recycle(buf)
	if _, err := buf.ReadFrom(body); err != nil {
		return err
	}
	if w.expect.Match(buf.Bytes()) {
		return nil
	}
	return &failure{healthcheck.ClassBody, w.mismatch(buf.Bytes())}
}

// mismatch describes a body in which the expected text was not found.
func (w *web) mismatch(body []byte) string {
	excerpt, more := body, ""
	if len(excerpt) > maxExcerpt {
		excerpt, more = excerpt[:maxExcerpt], "…"
	}
	return fmt.Sprintf("%q not found in the body (%d bytes: %q%s)", w.settings.Expect, len(body), excerpt, more)
}

// recycle keeps buf for the next probe unless a large page blew it up.
func recycle(buf *bytes.Buffer) {
	const large = 64 << 10
	if buf.Cap() > large {
		return
	}
	buf.Reset()
	bodies.Put(buf)
}
