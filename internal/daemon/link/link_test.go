package link

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func pair(t *testing.T, a, b Handler) (*Peer, *Peer) {
	t.Helper()
	c1, c2 := net.Pipe()
	p1, p2 := New(c1, a), New(c2, b)
	go p1.Run(t.Context())
	go p2.Run(t.Context())
	t.Cleanup(func() { p1.Close(); p2.Close() })
	return p1, p2
}

func silent(context.Context, string, json.RawMessage) (any, error) { return nil, nil }

func TestCallAnswersAndErrors(t *testing.T) {
	double := func(_ context.Context, method string, body json.RawMessage) (any, error) {
		var n int
		if err := json.Unmarshal(body, &n); err != nil {
			return nil, err
		}
		if method != "double" {
			return nil, fmt.Errorf("unknown method %q", method)
		}
		return 2 * n, nil
	}
	p, _ := pair(t, silent, double)
	var got int
	if err := p.Call(t.Context(), "double", 21, &got); err != nil || got != 42 {
		t.Fatalf("double(21) = %d, %v", got, err)
	}
	if err := p.Call(t.Context(), "triple", 1, &got); err == nil || !strings.Contains(err.Error(), "triple") {
		t.Errorf("unknown method: error %v", err)
	}
}

func TestNoticesKeepTheirOrder(t *testing.T) {
	const n = 1000
	got := make(chan int, n)
	collect := func(_ context.Context, _ string, body json.RawMessage) (any, error) {
		var i int
		json.Unmarshal(body, &i)
		got <- i
		return nil, nil
	}
	p, _ := pair(t, silent, collect)
	for i := range n {
		if err := p.Notify("n", i); err != nil {
			t.Fatal(err)
		}
	}
	for want := range n {
		if i := <-got; i != want {
			t.Fatalf("notice %d arrived as number %d", i, want)
		}
	}
}

func TestDeathOfTheNeighbourEndsCalls(t *testing.T) {
	hang := func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	p1, p2 := pair(t, silent, hang)
	errs := make(chan error, 1)
	go func() { errs <- p1.Call(context.Background(), "hang", nil, nil) }()
	p2.Close()
	if err := <-errs; !errors.Is(err, ErrClosed) {
		t.Errorf("call to a dead neighbour: %v, want ErrClosed", err)
	}
	<-p1.Done()
}

func TestCallHonoursDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		p, q := pair(t, silent, hang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Call(ctx, "hang", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want deadline exceeded", err)
		}
		p.Close()
		q.Close()
	})
}

// TestNotifyNeverBlocks: what does not fit is counted, and told when the other
// side reads again.
func TestNotifyNeverBlocks(t *testing.T) {
	c1, c2 := net.Pipe()
	p := New(c1, silent)
	for range queueLen {
		if err := p.Notify("n", 0); err != nil {
			t.Fatalf("notice refused before the queue is full: %v", err)
		}
	}
	for range 3 {
		if err := p.Notify("n", 0); err == nil {
			t.Error("no error from a notice that does not fit")
		}
	}
	lost := make(chan string, 1)
	n := 0
	q := New(c2, func(_ context.Context, method string, body json.RawMessage) (any, error) {
		if method == NoticeLost {
			lost <- string(body)
			return nil, nil
		}
		n++
		return nil, nil
	})
	go q.Run(t.Context())
	go p.Run(t.Context())
	defer p.Close()
	if got := <-lost; got != "3" || n != queueLen {
		t.Errorf("%s are told to be lost after %d notices; want 3 after %d", got, n, queueLen)
	}
	if err := p.Notify("n", 0); err != nil {
		t.Errorf("after all were read: %v", err)
	}
}

func TestFrameRejectsGarbage(t *testing.T) {
	for name, in := range map[string][]byte{
		"huge length": {0xff, 0xff, 0xff, 0xff},
		"cut off":     {0, 0, 0, 9, '{'},
		"not json":    {0, 0, 0, 3, 'a', 'b', 'c'},
	} {
		if _, err := readFrame(bytes.NewReader(in)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAnswerBeforeTheEnd: a neighbour that answers and is gone has answered.
func TestAnswerBeforeTheEnd(t *testing.T) {
	for range 100 {
		c1, c2 := net.Pipe()
		p := New(c1, silent)
		ended := make(chan error, 1)
		go func() {
			ended <- p.Run(t.Context())
		}()
		go func() {
			m, err := readFrame(c2)
			if err == nil {
				err = writeFrame(c2, message{ID: m.ID, Reply: true, Body: json.RawMessage("7")})
			}
			if err != nil {
				t.Error(err)
			}
			c2.Close()
		}()
		var got int
		if err := p.Call(t.Context(), "number", nil, &got); err != nil || got != 7 {
			t.Fatalf("got %d, %v", got, err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
