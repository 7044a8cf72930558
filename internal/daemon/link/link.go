// Package link connects the supervisor with its roles: calls and notices as
// length-prefixed JSON over one stream, the same code over a socketpair
// between processes and over an in-memory pipe within one.
//
// Losing the stream is how a process learns that its neighbour died.
package link

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"syscall"
)

// Handler answers calls and takes notices. A notice's result is discarded.
// Notices are handled one after the other in the order they were sent, calls
// each in a goroutine of their own.
type Handler func(ctx context.Context, method string, body json.RawMessage) (any, error)

// ErrClosed is returned by calls on a link that has ended.
var ErrClosed = errors.New("link closed")

// queueLen bounds how many notices a sender can have waiting: the advert path
// sends notices and must never wait for a slow reader. When ten thousand real
// servers die at once there are three for each, and none of them is dispensable.
const queueLen = 1 << 16

// NoticeLost is what a Peer tells by itself once the other side reads again:
// how many notices, a number, did not fit the queue.
const NoticeLost = "lost"

// message is one frame on the wire.
type message struct {
	ID     uint64          `json:"id,omitempty"` // of a call; 0 = notice
	Reply  bool            `json:"reply,omitempty"`
	Method string          `json:"method,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Peer is one end of a link.
type Peer struct {
	conn    io.ReadWriteCloser
	handler Handler
	done    chan struct{}
	once    sync.Once
	filled  chan struct{} // capacity 1: the queue is not empty any more

	mu      sync.Mutex
	queue   []message
	nextID  uint64
	waiting map[uint64]chan message
	lost    uint64 // notices that did not fit the queue
	told    uint64 // of these
}

// New returns one end of a link. Run must be called for it to work.
func New(conn io.ReadWriteCloser, h Handler) *Peer {
	return &Peer{
		conn: conn, handler: h,
		filled: make(chan struct{}, 1), done: make(chan struct{}),
		waiting: make(map[uint64]chan message),
	}
}

// Run reads and writes until the stream ends, which it reports as nil when
// the other side is gone. Handlers see a context that ends with the link.
func (p *Peer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer p.Close()
	go p.write()
	stop := context.AfterFunc(ctx, p.Close)
	defer stop()
	r := bufio.NewReader(p.conn)
	for {
		m, err := readFrame(r)
		if hungUp(err) {
			return nil
		}
		if err != nil {
			return p.readError(err)
		}
		p.dispatch(ctx, m)
	}
}

// hungUp tells whether the other side is gone. A process that is killed before
// it has read everything resets the stream.
func hungUp(err error) bool {
	for _, end := range []error{io.EOF, io.ErrClosedPipe, syscall.ECONNRESET} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// readError hides the error of a stream that we closed ourselves.
func (p *Peer) readError(err error) error {
	select {
	case <-p.done:
		return nil
	default:
		return fmt.Errorf("read link: %w", err)
	}
}

// Close ends the link; calls in flight return ErrClosed.
func (p *Peer) Close() {
	p.once.Do(func() {
		close(p.done)
		p.conn.Close()
	})
}

// Done is closed when the link has ended.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Notify queues a notice and never blocks. A notice that does not fit is
// dropped and counted.
func (p *Peer) Notify(method string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", method, err)
	}
	if !p.enqueue(message{Method: method, Body: body}, queueLen) {
		return fmt.Errorf("notify %s: %d notices are waiting", method, queueLen)
	}
	return nil
}

// send queues a message, however many wait.
func (p *Peer) send(m message) { p.enqueue(m, math.MaxInt) }

// enqueue queues a message unless so many wait already, and counts it then.
func (p *Peer) enqueue(m message, most int) bool {
	p.mu.Lock()
	fits := len(p.queue) < most
	if fits {
		p.queue = append(p.queue, m)
	} else {
		p.lost++
	}
	p.mu.Unlock()
	select {
	case p.filled <- struct{}{}:
	default:
	}
	return fits
}

// Call sends a request and decodes the answer into out, which may be nil.
func (p *Peer) Call(ctx context.Context, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", method, err)
	}
	id, answer := p.register()
	defer p.forget(id)
	p.send(message{ID: id, Method: method, Body: body})
	select {
	case m := <-answer:
		return decodeAnswer(method, m, out)
	case <-p.done:
		select {
		case m := <-answer: // the last word before the end
			return decodeAnswer(method, m, out)
		default:
			return fmt.Errorf("call %s: %w", method, ErrClosed)
		}
	case <-ctx.Done():
		return fmt.Errorf("call %s: %w", method, ctx.Err())
	}
}

func decodeAnswer(method string, m message, out any) error {
	if m.Error != "" {
		return errors.New(m.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(m.Body, out); err != nil {
		return fmt.Errorf("decode answer to %s: %w", method, err)
	}
	return nil
}

func (p *Peer) register() (uint64, chan message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nextID++
	ch := make(chan message, 1)
	p.waiting[p.nextID] = ch
	return p.nextID, ch
}

func (p *Peer) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
}

func (p *Peer) dispatch(ctx context.Context, m message) {
	switch {
	case m.Reply:
		p.mu.Lock()
		ch := p.waiting[m.ID]
		p.mu.Unlock()
		if ch != nil {
			ch <- m
		}
	case m.ID == 0:
		p.handler(ctx, m.Method, m.Body)
	default:
		go p.answer(ctx, m)
	}
}

func (p *Peer) answer(ctx context.Context, m message) {
	reply := message{ID: m.ID, Reply: true}
	v, err := p.handler(ctx, m.Method, m.Body)
	if text, done := v.(json.RawMessage); done {
		reply.Body = text
	} else if err == nil {
		reply.Body, err = json.Marshal(v)
	}
	if err != nil {
		reply.Error = err.Error()
	}
	p.send(reply)
}

// write sends queued messages until the link ends.
func (p *Peer) write() {
	for {
		select {
		case <-p.filled:
		case <-p.done:
			return
		}
		for m, ok := p.next(); ok; m, ok = p.next() {
			if err := writeFrame(p.conn, m); err != nil {
				p.Close()
				return
			}
		}
	}
}

// next takes the first message from the queue, and what is to be said about
// lost ones after the last.
func (p *Peer) next() (m message, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > 0 {
		m, p.queue[0] = p.queue[0], message{}
		if p.queue = p.queue[1:]; len(p.queue) == 0 {
			p.queue = nil // a burst leaves no memory behind
		}
		return m, true
	}
	if p.lost == p.told {
		return message{}, false
	}
	m = message{Method: NoticeLost, Body: strconv.AppendUint(nil, p.lost-p.told, 10)}
	p.told = p.lost
	return m, true
}
