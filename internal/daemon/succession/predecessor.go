package succession

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// Predecessor is the side that leaves.
type Predecessor struct {
	conn    *net.UnixConn
	version int
	attempt int
}

// Dial reaches the successor that listens on path and agrees with it on the
// newest version that it reads and this side writes. Within the bound nothing
// but an answer is waited for.
func Dial(path string, writes []int, bound time.Duration) (*Predecessor, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("reach successor: %w", err)
	}
	p := &Predecessor{conn: conn}
	if err := p.agree(writes, bound); err != nil {
		conn.Close()
		return nil, err
	}
	return p, nil
}

func (p *Predecessor) agree(writes []int, bound time.Duration) error {
	if err := p.conn.SetDeadline(time.Now().Add(bound)); err != nil {
		return fmt.Errorf("reach successor: %w", err)
	}
	m, fds, err := receive(p.conn)
	Close(fds)
	if err != nil {
		return fmt.Errorf("hear of successor: %w", err)
	}
	for _, v := range writes {
		if slices.Contains(m.Versions, v) && v > p.version {
			p.version = v
		}
	}
	if p.version == 0 {
		return fmt.Errorf("%w: it reads %v, this writes %v", ErrVersion, m.Versions, writes)
	}
	return nil
}

// Version is the one that Send's bodies have to be of.
func (p *Predecessor) Version() int { return p.version }

// Send sends the state and waits until the bound ends for the successor to be
// ready to go on with it. The descriptors remain the caller's.
func (p *Predecessor) Send(body json.RawMessage, fds []int, bound time.Duration) error {
	if err := p.conn.SetDeadline(time.Now().Add(bound)); err != nil {
		return fmt.Errorf("send state: %w", err)
	}
	p.attempt++
	if err := send(p.conn, message{Kind: kindState, Attempt: p.attempt, Version: p.version, Body: body}, fds); err != nil {
		return err
	}
	for {
		m, got, err := receive(p.conn)
		Close(got)
		switch {
		case err != nil:
			return fmt.Errorf("wait for successor: %w", err)
		case m.Attempt != p.attempt: // the answer to one that was given up
		case m.Kind == kindReady:
			return nil
		default:
			return errors.New("successor refuses: " + m.Error)
		}
	}
}

// Go lets the successor go on with what was sent last. After nil, this process
// must do nothing any more; after an error, it goes on itself.
func (p *Predecessor) Go() error {
	return send(p.conn, message{Kind: kindGo, Attempt: p.attempt}, nil)
}

// Close ends it. A successor that was not told to go gives up.
func (p *Predecessor) Close() { p.conn.Close() }
