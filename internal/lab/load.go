package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// FetchTimeout is how long a client waits for one answer before it counts the
// request as lost. It is shorter than TCP's first retransmission (1 s), so a
// lost packet is a lost request.
const FetchTimeout = 900 * time.Millisecond

// Fetched is one request and what became of it.
type Fetched struct {
	At      time.Time // of the request
	Took    time.Duration
	Backend string // who answered; empty when lost
	Status  int
	Err     error
}

// Lost reports whether no answer with status 200 came.
func (f Fetched) Lost() bool { return f.Err != nil || f.Status != http.StatusOK }

// Fetch makes one request for / over a new connection to a numeric address.
func (h *Host) Fetch(address string) Fetched {
	f := Fetched{At: time.Now()}
	ctx, cancel := context.WithTimeout(context.Background(), FetchTimeout)
	defer cancel()
	conn, err := h.Dial(ctx, "tcp", address)
	if err != nil {
		f.Err, f.Took = err, time.Since(f.At)
		return f
	}
	defer conn.Close()
	f.Backend, f.Status, f.Err = ask(conn, bufio.NewReader(conn), f.At.Add(FetchTimeout), true)
	f.Took = time.Since(f.At)
	return f
}

// ask makes one request over conn and reads the answer.
func ask(conn net.Conn, r *bufio.Reader, deadline time.Time, last bool) (backend string, status int, err error) {
	if err := conn.SetDeadline(deadline); err != nil {
		return "", 0, err
	}
	req, err := http.NewRequest(http.MethodGet, "http://"+conn.RemoteAddr().String()+"/", nil)
	if err != nil {
		return "", 0, err
	}
	req.Close = last
	if err := req.Write(conn); err != nil {
		return "", 0, err
	}
	res, err := http.ReadResponse(r, req)
	if err != nil {
		return "", 0, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return "", 0, err
	}
	return res.Header.Get("Server"), res.StatusCode, nil
}

// HeldConn is a connection that a client keeps and asks again and again.
type HeldConn struct {
	conn net.Conn
	r    *bufio.Reader
}

// Hold opens a connection to a numeric address and keeps it.
func (h *Host) Hold(address string) *HeldConn {
	h.lab.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), FetchTimeout)
	defer cancel()
	conn, err := h.Dial(ctx, "tcp", address)
	if err != nil {
		h.lab.tb.Fatalf("connect %s to %s: %v", h.Name, address, err)
	}
	h.lab.onClose(func() { conn.Close() })
	return &HeldConn{conn: conn, r: bufio.NewReader(conn)}
}

// Ask makes one request over the connection and returns who answered.
func (c *HeldConn) Ask() (backend string, err error) {
	backend, status, err := ask(c.conn, c.r, time.Now().Add(FetchTimeout), false)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	return backend, err
}

// Load is a client that makes requests at a fixed pace, each over a new
// connection, without waiting for the answers of those before.
type Load struct {
	stop    context.CancelFunc
	pending sync.WaitGroup

	mu   sync.Mutex
	done Tally
}

// Load makes one request to the numeric address per interval until Stop, or
// until limit requests were made.
func (h *Host) Load(address string, every time.Duration, limit int) *Load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{stop: cancel}
	h.lab.onClose(func() { l.Stop() })
	l.pending.Add(1)
	go func() {
		defer l.pending.Done()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for range limit {
			l.pending.Add(1)
			go func() {
				defer l.pending.Done()
				f := h.Fetch(address)
				l.mu.Lock()
				defer l.mu.Unlock()
				l.done = append(l.done, f)
			}()
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return l
}

// Wait waits until all requests up to the limit were made and have ended.
func (l *Load) Wait() { l.pending.Wait() }

// Stop ends the load, waits for the requests under way and returns all.
func (l *Load) Stop() Tally {
	l.stop()
	l.pending.Wait()
	return l.Between(time.Time{}, time.Now())
}

// Between returns the requests made in [from, to) that have ended.
func (l *Load) Between(from, to time.Time) Tally {
	l.mu.Lock()
	done := slices.Clone(l.done)
	l.mu.Unlock()
	slices.SortFunc(done, func(a, b Fetched) int { return a.At.Compare(b.At) })
	return done.Between(from, to)
}

// Tally is a series of requests in the order they were made.
type Tally []Fetched

// Between are the requests made in [from, to).
func (t Tally) Between(from, to time.Time) Tally {
	var out Tally
	for _, f := range t {
		if !f.At.Before(from) && f.At.Before(to) {
			out = append(out, f)
		}
	}
	return out
}

// Lost are the requests without an answer.
func (t Tally) Lost() Tally {
	var out Tally
	for _, f := range t {
		if f.Lost() {
			out = append(out, f)
		}
	}
	return out
}

// By counts the answered requests per backend.
func (t Tally) By() map[string]int {
	out := map[string]int{}
	for _, f := range t {
		if !f.Lost() {
			out[f.Backend]++
		}
	}
	return out
}

// Slowest is the longest time an answer took.
func (t Tally) Slowest() time.Duration {
	var out time.Duration
	for _, f := range t {
		if !f.Lost() {
			out = max(out, f.Took)
		}
	}
	return out
}
