package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// Bounds of what is read from a server.
const (
	maxHeader  = 64 << 10
	maxBody    = 1 << 20
	maxExcerpt = 40 // of an unexpected body, in a reason
)

// web is a prepared HTTP check of version 1. A probe makes one request per
// path, each on a connection of its own unless the connection is kept.
// The request is written and the answer read without http.Transport, whose
// two goroutines and connection pool per probe a checker of thousands would
// pay for and not use.
type web struct {
	kind   healthcheck.Kind
	params healthcheck.HTTP
	paths  []string
	fields string // header fields, each with its line end
	judge  *judge
	tls    *tls.Config // nil = plain
	kept   *keptConns  // nil = connections are not kept
	secure func() *tls.Config
}

// prepareWeb prepares an HTTP, HTTPS or proxy check.
func prepareWeb(s healthcheck.Settings, o Options) (check, error) {
	if s.Params.(healthcheck.HTTP).Version == healthcheck.HTTP2 {
		return prepareHTTP2(s, o)
	}
	w, err := newWeb(s, o)
	if err != nil {
		return nil, err
	}
	return w.run, nil
}

func newWeb(s healthcheck.Settings, o Options) (*web, error) {
	p := s.Params.(healthcheck.HTTP)
	j, err := newJudge(p)
	if err != nil {
		return nil, err
	}
	w := &web{kind: s.Kind, params: p, paths: p.Paths.All(), judge: j, fields: fieldsOf(p.Headers.All())}
	w.secure = func() *tls.Config { return clientConfig(s, o, p.VirtualHost, "http/1.1") }
	if s.TLS.Mode == healthcheck.TLSOn {
		w.tls = w.secure()
	}
	if p.KeepAlive {
		w.kept = newKeptConns()
	}
	return w, nil
}

// run asks for every path in turn and stops at the first one that is not as
// it should be.
func (w *web) run(ctx context.Context, a *attempt) (string, error) {
	var last string
	for _, path := range w.paths {
		reason, err := w.follow(ctx, a, w.first(a, path))
		if err != nil {
			return "", inPath(err, path, len(w.paths))
		}
		last = reason
	}
	return pages(len(w.paths), last), nil
}

// pages says how many pages were as expected, and how the last one was.
func pages(n int, last string) string {
	if n == 1 {
		return last
	}
	return fmt.Sprintf("%d pages, %s", n, last)
}

// inPath adds to what a server said which of several paths it is about.
func inPath(err error, path string, of int) error {
	var known *failure
	if of == 1 || !errors.As(err, &known) {
		return err
	}
	return &failure{known.class, path + ": " + known.reason}
}

// request is one request to the real server.
type request struct {
	port   uint16
	secure bool
	host   string // Host field
	target string // request target
}

// first returns the request for a configured path.
func (w *web) first(a *attempt, path string) request {
	target := a.key.Target
	r := request{port: target.Port(), secure: w.tls != nil, host: w.params.VirtualHost, target: path}
	if r.host == "" && w.kind == healthcheck.KindHTTPProxy {
		u, _ := url.Parse(path) // validated
		r.host = u.Host
	}
	if r.host == "" {
		r.host = hostOf(target, r.secure)
	}
	return r
}

// follow makes a request and follows redirects, if that is wanted.
func (w *web) follow(ctx context.Context, a *attempt, r request) (string, error) {
	for hops := 0; ; hops++ {
		reason, location, err := w.visit(ctx, a, r)
		if err != nil || location == "" || w.params.Redirects == 0 {
			return reason, err
		}
		if hops == w.params.Redirects {
			return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("more than %d redirects, the last to %q", hops, shorten(location))}
		}
		next := request.redirected
		if w.kind == healthcheck.KindHTTPProxy {
			next = request.through
		}
		if r, err = next(r, location); err != nil {
			return "", err
		}
	}
}

// visit makes one request on a connection: a kept one if there is one that
// still works, else a new one. location is where a redirect leads.
func (w *web) visit(ctx context.Context, a *attempt, r request) (reason, location string, err error) {
	if c := w.kept.take(a.key.Target, r); c != nil {
		reason, location, err = w.talk(ctx, a, c, r)
		if !c.silent {
			return reason, location, err
		}
		// The server closed it meanwhile, which is its right.
	}
	c, err := w.open(ctx, a, r)
	if err != nil {
		return "", "", err
	}
	return w.talk(ctx, a, c, r)
}

// open connects for a request.
func (w *web) open(ctx context.Context, a *attempt, r request) (*webConn, error) {
	at := *a // the phases of a are written by connect
	at.key.Target = withPort(a.key.Target, r.port)
	conn, err := connect(ctx, &at)
	a.phase, a.result.Connect = at.phase, at.result.Connect
	if err != nil {
		return nil, err
	}
	if !r.secure {
		return newWebConn(conn), nil
	}
	release := limit(ctx, conn)
	defer release()
	config := w.tls
	if config == nil {
		config = w.secure()
	}
	under := &underTLS{Conn: conn}
	secure, err := handshake(ctx, a, under, config)
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := newWebConn(secure)
	c.under = under
	return c, nil
}

// underTLS notes that a connection ended without a closure alert: crypto/tls
// takes an end between two records for one, as it asks for nothing after an
// alert.
type underTLS struct {
	net.Conn
	cut bool
}

// Read implements net.Conn.
func (u *underTLS) Read(p []byte) (int, error) {
	n, err := u.Conn.Read(p)
	u.cut = u.cut || errors.Is(err, io.EOF)
	return n, err
}

// errCutOff is what TLSClose refuses.
var errCutOff = &failure{healthcheck.ClassProtocol, "the connection ended without TLS's closure alert"}

// webConn is a connection with what was read ahead.
type webConn struct {
	net.Conn
	in     *bufio.Reader
	from   *bounded
	under  *underTLS // nil without TLS
	silent bool      // not a byte came in answer to the last request
}

func newWebConn(conn net.Conn) *webConn {
	from := &bounded{from: conn, what: "header of the answer", bound: maxHeader}
	return &webConn{Conn: conn, in: bufio.NewReader(from), from: from}
}

// talk makes a request on c, which it closes unless it can be kept.
func (w *web) talk(ctx context.Context, a *attempt, c *webConn, r request) (reason, location string, err error) {
	release := limit(ctx, c)
	keep := false
	defer func() {
		if release() && keep {
			w.kept.put(a.key.Target, r, c, keepFor(a.key))
			return
		}
		c.Close()
	}()
	resp, err := w.exchange(a, c, r)
	if err != nil {
		return "", "", err
	}
	if w.params.Redirects > 0 && isRedirect(resp) {
		return "", resp.Header.Get("Location"), nil
	}
	a.phase = phaseBody
	// The body is not closed: that would read an endless page to its end, and
	// it holds nothing but the connection.
	whole, err := w.judge.response(resp.StatusCode, resp.Body)
	if err != nil {
		return "", "", err
	}
	if w.params.TLSClose && c.under != nil && c.under.cut {
		return "", "", errCutOff
	}
	keep = w.kept != nil && whole && !resp.Close && c.in.Buffered() == 0
	return statusText(resp.StatusCode), "", nil
}

// keepFor is how long a connection may be idle: the probe after the next one
// must find it, with some delay.
func keepFor(k healthcheck.Key) time.Duration { return 2 * (k.Timing.Interval + k.Settings.Timeout) }

func statusText(code int) string { return fmt.Sprintf("HTTP status %d", code) }

// bytes returns the request's text (RFC 9112 section 3, RFC 1945 section 5).
// Validated settings hold nothing that could end a line.
func (w *web) bytes(r request) []byte {
	version, connection := "1.1", "Connection: close\r\n"
	switch {
	case w.kept != nil:
		connection = "Connection: keep-alive\r\n"
	case w.params.Version == healthcheck.HTTP10:
		version, connection = "1.0", ""
	case w.params.Version == healthcheck.HTTP10Close:
		version = "1.0"
	}
	return fmt.Appendf(nil, "%s %s HTTP/%s\r\nHost: %s\r\n%s%s\r\n", w.params.Method, r.target, version, r.host, w.fields, connection)
}

// usualFields are sent unless the configuration has its own.
var usualFields = [...][2]string{{"User-Agent", "vipd"}, {"Accept", "*/*"}}

// fieldsOf returns the header fields of every request, each with its line end.
func fieldsOf(own []string) string {
	var b strings.Builder
	for _, f := range usualFields {
		if !slices.ContainsFunc(own, func(o string) bool {
			name, _, _ := strings.Cut(o, ":")
			return strings.EqualFold(name, f[0])
		}) {
			b.WriteString(f[0] + ": " + f[1] + "\r\n")
		}
	}
	for _, o := range own {
		b.WriteString(o + "\r\n")
	}
	return b.String()
}

// exchange sends the request and reads the answer's header.
func (w *web) exchange(a *attempt, c *webConn, r request) (*http.Response, error) {
	a.phase = phaseAnswer
	c.silent, c.from.left, c.from.err = false, maxHeader, nil
	// A server may answer (a status for too many clients, say) and close
	// before it read the request: what it said counts for more than the
	// error of writing.
	_, writeErr := c.Write(w.bytes(r))
	if err := firstByte(a, c.in); err != nil {
		c.silent = true
		if writeErr != nil {
			return nil, writeErr
		}
		return nil, err
	}
	resp, err := w.finalResponse(c.in)
	if err != nil && c.from.err != nil {
		return nil, c.from.err // why the parser found half a line
	}
	c.from.left = math.MaxInt64 // the body has its own bound
	return resp, err
}

// bounded reads up to left bytes and remembers the error that ended it.
type bounded struct {
	from  io.Reader
	left  int64
	what  string // in the failure of a server that sends more
	bound int64
	err   error
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = &failure{healthcheck.ClassProtocol, fmt.Sprintf("%s exceeds %d bytes", b.what, b.bound)}
		return 0, b.err
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	b.err = err
	return n, err
}

func firstByte(a *attempt, in *bufio.Reader) error {
	start := time.Now()
	_, err := in.Peek(1)
	a.result.First = time.Since(start)
	return err
}

// finalResponse reads past informational responses (RFC 9110 section 15.2)
// unless one of them is what the check expects.
func (w *web) finalResponse(in *bufio.Reader) (*http.Response, error) {
	asked := &http.Request{Method: w.params.Method}
	for {
		resp, err := http.ReadResponse(in, asked)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols ||
			w.judge.status.Contains(resp.StatusCode) {
			return resp, err
		}
	}
}
