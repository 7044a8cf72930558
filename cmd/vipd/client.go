package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/vipd/vipd/internal/daemon"
)

// client speaks to the daemon's control socket.
type client struct {
	http *http.Client
	path string
}

func (c *common) client() *client {
	path := daemon.SocketPath(c.runtimeDir)
	return &client{path: path, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			d := net.Dialer{Timeout: 2 * time.Second}
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// errNoDaemon is wrapped by errors that say that no daemon runs.
var errNoDaemon = errors.New("no daemon answers")

// do sends one request; the caller closes the body of the answer.
func (c *client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://vipd"+path, body)
	if err != nil {
		return nil, problem(err)
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, problem(fmt.Errorf("%w on %s: is vipd running, and with this --runtime-dir?", errNoDaemon, c.path))
	case errors.Is(err, fs.ErrPermission):
		return nil, problem(fmt.Errorf("control socket %s is for root", c.path))
	case err != nil:
		return nil, problem(fmt.Errorf("ask daemon: %w", err))
	}
	return resp, nil
}

// ask sends one request and decodes the answer into v, which may be nil or a
// *[]byte for the raw text. in, if not nil, is sent as JSON. It returns the
// HTTP status; one above 499, or another than JSON, is an error.
func (c *client) ask(ctx context.Context, method, path string, in, v any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, problem(fmt.Errorf("encode request: %w", err))
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, problem(fmt.Errorf("read answer: %w", err))
	}
	if resp.StatusCode >= 500 || len(b) > 0 && !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return resp.StatusCode, problem(fmt.Errorf("daemon answers %s: %s", resp.Status, strings.TrimSpace(string(b))))
	}
	switch v := v.(type) {
	case nil:
		return resp.StatusCode, nil
	case *[]byte:
		*v = b
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return 0, problem(fmt.Errorf("decode answer: %w", err))
	}
	return resp.StatusCode, nil
}
