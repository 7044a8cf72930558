package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
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

// do sends one request; the caller closes the body.
func (c *client) do(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://vipd"+path, nil)
	if err != nil {
		return nil, problem(err)
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, problem(fmt.Errorf("no daemon answers on %s: is vipd running, and with this --runtime-dir?", c.path))
	case errors.Is(err, fs.ErrPermission):
		return nil, problem(fmt.Errorf("control socket %s is for root", c.path))
	case err != nil:
		return nil, problem(fmt.Errorf("ask daemon: %w", err))
	}
	return resp, nil
}

// getJSON asks and decodes into v, which may be a *[]byte for the raw text.
// It returns the HTTP status.
func (c *client) getJSON(ctx context.Context, method, path string, v any) (int, error) {
	resp, err := c.do(ctx, method, path)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, problem(fmt.Errorf("read answer: %w", err))
	}
	if raw, ok := v.(*[]byte); ok {
		*raw = b
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return 0, problem(fmt.Errorf("decode answer: %w", err))
	}
	return resp.StatusCode, nil
}
