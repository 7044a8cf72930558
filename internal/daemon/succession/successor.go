package succession

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// ErrGivenUp is returned when the predecessor goes on itself.
var ErrGivenUp = errors.New("the predecessor goes on itself")

// acceptBound is how long a successor waits for a predecessor to come.
const acceptBound = 30 * time.Second

// Verify makes something of a state that was sent, without doing anything to
// the world. It owns the descriptors.
type Verify[T any] func(version int, body json.RawMessage, fds []int) (T, error)

// Await is a successor's part: it waits for its predecessor on the listening
// socket, verifies what it is sent, and returns what verify made of the last
// state when it is to go on. Earlier ones are given to drop.
func Await[T any](listener *os.File, reads []int, verify Verify[T], drop func(T)) (T, error) {
	var none T
	l, err := net.FileListener(listener)
	listener.Close()
	if err != nil {
		return none, fmt.Errorf("wait for predecessor: %w", err)
	}
	l.(*net.UnixListener).SetDeadline(time.Now().Add(acceptBound))
	conn, err := l.Accept()
	l.Close()
	if err != nil {
		return none, fmt.Errorf("wait for predecessor: %w", err)
	}
	defer conn.Close()
	return rehearse(conn.(*net.UnixConn), reads, verify, drop)
}

// rehearse answers states until one counts.
func rehearse[T any](conn *net.UnixConn, reads []int, verify Verify[T], drop func(T)) (last T, err error) {
	if err := send(conn, message{Kind: kindHello, Versions: reads}, nil); err != nil {
		return last, err
	}
	ready := 0 // the attempt that last belongs to
	for {
		m, fds, err := receive(conn)
		if err == nil && m.Kind == kindGo && m.Attempt == ready && ready > 0 {
			return last, nil
		}
		if ready > 0 {
			drop(last)
			ready = 0
		}
		switch {
		case errors.Is(err, io.EOF):
			return last, ErrGivenUp
		case err != nil:
			return last, fmt.Errorf("hear predecessor: %w", err)
		}
		answer := message{Kind: kindReady, Attempt: m.Attempt}
		if last, err = verify(m.Version, m.Body, fds); err != nil {
			answer.Kind, answer.Error = kindRefuse, err.Error()
		} else {
			ready = m.Attempt
		}
		if err := send(conn, answer, nil); err != nil {
			return last, err
		}
	}
}
