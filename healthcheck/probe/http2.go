package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"github.com/vipd/vipd/healthcheck"
)

// h2 opens HTTP/2 connections: over TLS with ALPN, or in plain text by prior
// knowledge (RFC 9113 section 3).
type h2 struct {
	transport *http2.Transport
	tls       *tls.Config // nil = plain
}

func newH2(s healthcheck.Settings, o Options, host string) *h2 {
	h := &h2{transport: &http2.Transport{AllowHTTP: true, DisableCompression: true, MaxHeaderListSize: maxHeader}}
	if s.TLS.Mode == healthcheck.TLSOn {
		h.tls = clientConfig(s, o, host, "h2")
	}
	return h
}

// open connects. The caller closes the connection, which ends everything that
// the client does with it.
func (h *h2) open(ctx context.Context, a *attempt) (net.Conn, *http2.ClientConn, error) {
	conn, err := connect(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	release := limit(ctx, conn)
	defer release()
	if h.tls != nil {
		secure, err := handshake(ctx, a, conn, h.tls)
		if err != nil {
			conn.Close()
			return nil, nil, err
		}
		if secure.ConnectionState().NegotiatedProtocol != "h2" {
			secure.Close()
			return nil, nil, &failure{healthcheck.ClassProtocol, "the server does not offer HTTP/2 (ALPN h2)"}
		}
		conn = secure
	}
	a.phase = phaseAnswer
	client, err := h.transport.NewClientConn(conn)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, client, nil
}

// scheme of the pseudo-header field.
func (h *h2) scheme() string {
	if h.tls != nil {
		return "https"
	}
	return "http"
}

// otherProtocol is what the client says of a server that answers with something
// else, or ends the connection before its settings; which one, is a race between
// its reader and the request.
var otherProtocol = []string{"frame too large", "unexpected EOF", "PROTOCOL_ERROR", "client conn could not be established"}

// h2Failure rewords what the HTTP/2 client says; the class of others follows
// from their phase.
func h2Failure(ctx context.Context, err error) error {
	var goAway http2.GoAwayError
	var reset http2.StreamError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &goAway):
		return &failure{healthcheck.ClassProtocol, fmt.Sprintf("the server ended the HTTP/2 connection: %s", goAway.ErrCode)}
	case errors.As(err, &reset):
		return &failure{healthcheck.ClassProtocol, fmt.Sprintf("the server reset the HTTP/2 stream: %s", reset.Code)}
	case slices.ContainsFunc(otherProtocol, func(s string) bool { return strings.Contains(err.Error(), s) }):
		return &failure{healthcheck.ClassProtocol, "the server does not speak HTTP/2: " + err.Error()}
	}
	return err
}

// prepareHTTP2 prepares an HTTP check of version 2: all paths on one
// connection.
func prepareHTTP2(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.HTTP)
	j, err := newJudge(p)
	if err != nil {
		return nil, err
	}
	h := newH2(s, o, p.VirtualHost)
	header := http.Header{"User-Agent": {"vipd"}, "Accept": {"*/*"}}
	for _, f := range p.Headers.All() {
		name, value, _ := strings.Cut(f, ":")
		header.Add(name, strings.TrimSpace(value))
	}
	paths := p.Paths.All()
	return func(ctx context.Context, a *attempt) (string, error) {
		conn, client, err := h.open(ctx, a)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		host := p.VirtualHost
		if host == "" {
			host = hostOf(a.key.Target, h.tls != nil)
		}
		var reason string
		for _, path := range paths {
			if reason, err = h.visit(ctx, a, client, j, h2Request{p.Method, host, path, header}); err != nil {
				return "", inPath(err, path, len(paths))
			}
		}
		return reason, nil
	}, nil
}

// h2Request is one request.
type h2Request struct {
	method, host, path string
	header             http.Header
}

// visit makes one request and follows redirects that stay on the connection.
func (h *h2) visit(ctx context.Context, a *attempt, client *http2.ClientConn, j *judge, r h2Request) (string, error) {
	for hops := 0; ; hops++ {
		resp, err := h.ask(ctx, a, client, r, nil)
		if err != nil {
			return "", h2Failure(ctx, err)
		}
		if j.params.Redirects > 0 && isRedirect(resp) {
			resp.Body.Close()
			if r.path, err = samePlace(r, resp.Header.Get("Location"), h.tls != nil, hops, j.params.Redirects); err != nil {
				return "", err
			}
			continue
		}
		a.phase = phaseBody
		_, err = j.response(resp.StatusCode, resp.Body)
		var known *failure
		if err != nil && !errors.As(err, &known) {
			err = h2Failure(ctx, err)
		}
		return fmt.Sprintf("HTTP/2 status %d", resp.StatusCode), err
	}
}

// samePlace returns the path of a redirect that leads to where we are.
func samePlace(r h2Request, location string, secure bool, hops, most int) (string, error) {
	if hops == most {
		return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("more than %d redirects, the last to %q", hops, shorten(location))}
	}
	here := request{port: 1, secure: secure, host: r.host, target: r.path}
	next, err := here.redirected(location)
	if err == nil && (next.secure != secure || next.host != r.host) {
		err = &failure{healthcheck.ClassStatus, fmt.Sprintf("redirect to %q leads away from this HTTP/2 connection", shorten(location))}
	}
	return next.target, err
}

// ask sends one request and returns its answer, the body unread.
func (h *h2) ask(ctx context.Context, a *attempt, client *http2.ClientConn, r h2Request, body []byte) (*http.Response, error) {
	target, err := url.ParseRequestURI(r.path)
	if err != nil {
		return nil, internal(err)
	}
	target.Scheme, target.Host = h.scheme(), r.host
	req := &http.Request{Method: r.method, URL: target, Host: r.host, Header: r.header.Clone(), ContentLength: int64(len(body))}
	if body != nil {
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	start := time.Now()
	resp, err := client.RoundTrip(req.WithContext(ctx))
	a.result.First = time.Since(start)
	return resp, err
}
