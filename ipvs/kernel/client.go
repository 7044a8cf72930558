package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	lib "github.com/cloudflare/ipvs"
	"golang.org/x/sys/unix"
)

// answerWithin bounds one request. The kernel answers in less than a
// millisecond; some requests it never answers at all.
const answerWithin = 2 * time.Second

// Client talks to the IPVS of the network namespace in which Open was called.
// It is safe for concurrent use. Every call ends within a bounded time.
type Client struct {
	dial  func() (lib.Client, error)
	limit time.Duration // per request
	// dialRaw makes the connection for what the library cannot say.
	dialRaw func(limit time.Duration) (*raw, error)

	mu     sync.Mutex // one request at a time
	conn   lib.Client // nil: dial before the next request
	raw    *raw       // nil: dial before the next request that needs it
	closed bool
}

// Open connects to the kernel. It returns an error wrapping ErrNoIPVS when the
// kernel has no ip_vs.
func Open() (*Client, error) {
	c := newClient(lib.New, answerWithin)
	if err := c.connect(); err != nil {
		return nil, err
	}
	return c, nil
}

func newClient(dial func() (lib.Client, error), limit time.Duration) *Client {
	return &Client{dial: dial, limit: limit, dialRaw: openRaw}
}

// Close ends the connection. Later calls return os.ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.disconnect()
}

// connect dials on the calling goroutine: a netlink socket belongs to the
// network namespace of the thread that makes it.
func (c *Client) connect() error {
	if c.conn != nil {
		return nil
	}
	conn, err := c.dial()
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("open IPVS: %w", ErrNoIPVS)
	}
	if err != nil {
		return fmt.Errorf("open IPVS: %w", explain(err))
	}
	c.conn = conn
	return nil
}

// lost deals with a kernel that no longer knows the generic netlink family:
// ip_vs was unloaded. When it is back, its number may be another one.
func (c *Client) lost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disconnect()
	return fmt.Errorf("list IPVS services: %w", ErrNoIPVS)
}

func (c *Client) disconnect() error {
	if c.raw != nil {
		c.raw.conn.Close()
		c.raw = nil
	}
	conn := c.conn
	c.conn = nil
	// The library's interface has no Close, its implementation does.
	if closer, ok := conn.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// request makes one call of the library with a deadline, which the library
// does not offer. A connection that has not answered in time, or that failed
// by anything but the kernel's own error number, may still hold a late answer
// to the wrong question: it is closed, which also ends the pending call, and
// the next request dials again.
func request[T any](c *Client, call func(lib.Client) (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none T
	if c.closed {
		return none, os.ErrClosed
	}
	if err := c.connect(); err != nil {
		return none, err
	}
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	conn := c.conn
	go func() {
		v, err := call(conn)
		done <- answer{v, err}
	}()
	timeout := time.NewTimer(c.limit)
	defer timeout.Stop()
	select {
	case a := <-done:
		if a.err != nil && !fromKernel(a.err) {
			c.disconnect()
		}
		return a.value, a.err
	case <-timeout.C:
		c.disconnect()
		return none, fmt.Errorf("no answer from the kernel within %s: %w", c.limit, os.ErrDeadlineExceeded)
	}
}

// fromKernel reports whether an error leaves the connection in order.
func fromKernel(err error) bool {
	var errno unix.Errno
	return errors.As(err, &errno) || errors.Is(err, os.ErrNotExist)
}
