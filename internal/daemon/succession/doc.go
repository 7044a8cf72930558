// Package succession lets one process go on where another one of the same
// machine stands: the predecessor sends what it knows, as data of a version
// that both understand, and its descriptors; the successor verifies them and
// says so; only then does the predecessor say Go and stop.
//
//	successor → hello: the versions that it reads
//	predecessor → a rehearsal, as often as it likes
//	successor → ready, or why not
//	predecessor, standing still → the same anew
//	successor → ready, or why not
//	predecessor → go
//
// A predecessor that hears nothing in time goes on, and may try again. Until
// it has said Go, the successor does nothing; after that, the predecessor does
// nothing.
package succession

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// maxBody bounds one message; the largest configurations stay far below.
const maxBody = 256 << 20

// batch is how many descriptors go with one byte; Linux takes 253
// (SCM_MAX_FD, include/net/scm.h).
const batch = 128

// message is what goes over the socket: its length in 4 octets, big-endian, the
// JSON of this, and one octet for every batch of descriptors.
type message struct {
	Kind     kind            `json:"kind"`
	Attempt  int             `json:"attempt,omitempty"`
	Versions []int           `json:"versions,omitempty"` // of hello
	Version  int             `json:"version,omitempty"`  // of state
	Body     json.RawMessage `json:"body,omitempty"`
	FDs      int             `json:"fds,omitempty"`
	Error    string          `json:"error,omitempty"`
}

type kind string

const (
	kindHello  kind = "hello"
	kindState  kind = "state"
	kindReady  kind = "ready"
	kindRefuse kind = "refuse"
	kindGo     kind = "go"
)

// ErrVersion tells that two processes understand no common version.
var ErrVersion = errors.New("no common version of the state")

// send writes a message; the descriptors remain the caller's.
func send(conn *net.UnixConn, m message, fds []int) error {
	m.FDs = len(fds)
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode %s: %w", m.Kind, err)
	}
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
	if _, err := conn.Write(frame); err != nil {
		return fmt.Errorf("send %s: %w", m.Kind, err)
	}
	for some := range slices.Chunk(fds, batch) {
		if _, _, err := conn.WriteMsgUnix([]byte{0}, unix.UnixRights(some...), nil); err != nil {
			return fmt.Errorf("send descriptors: %w", err)
		}
	}
	return nil
}

// receive reads a message; the descriptors become the caller's.
func receive(conn *net.UnixConn) (m message, fds []int, err error) {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return m, nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxBody {
		return m, nil, fmt.Errorf("message of %d bytes exceeds %d", n, maxBody)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		return m, nil, fmt.Errorf("read message: %w", err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, nil, fmt.Errorf("decode message: %w", err)
	}
	for len(fds) < m.FDs {
		some, err := receiveFDs(conn)
		fds = append(fds, some...)
		if err != nil {
			Close(fds)
			return m, nil, err
		}
	}
	return m, fds, nil
}

// receiveFDs reads one batch.
func receiveFDs(conn *net.UnixConn) ([]int, error) {
	oob := make([]byte, unix.CmsgSpace(4*batch))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	all, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	var fds []int
	for i := range all {
		some, err := unix.ParseUnixRights(&all[i])
		if err != nil {
			return fds, fmt.Errorf("read descriptors: %w", err)
		}
		fds = append(fds, some...)
	}
	if len(fds) == 0 {
		return nil, errors.New("read descriptors: none came")
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	return fds, nil
}

// Close closes descriptors.
func Close(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// Listen makes the socket on which a successor waits. The file is for the
// successor's process, which has to close it.
func Listen(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for the predecessor: %w", err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("listen for the predecessor: %w", err)
	}
	return l.File()
}
