package link

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// maxFrame bounds one message: a configuration of tens of thousands of real
// servers stays far below it, a corrupted length does not.
const maxFrame = 256 << 20

// writeFrame sends the message as a 4-byte big-endian length and JSON. The body,
// which may be megabytes and is JSON already, is not looked at again.
func writeFrame(w io.Writer, m message) error {
	body := m.Body
	m.Body = nil
	head, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	frame := make([]byte, 4, 4+len(head)+len(bodyName)+len(body))
	frame = append(frame, head...)
	if len(body) > 0 {
		// There is a method or an ID before it.
		frame = append(append(append(frame[:len(frame)-1], bodyName...), body...), '}')
	}
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := w.Write(frame); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// bodyName comes between the other members of a message and its body.
const bodyName = `,"body":`

// readFrame reads one message. io.EOF means the stream ended between frames.
func readFrame(r io.Reader) (message, error) {
	var m message
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return m, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return m, fmt.Errorf("frame of %d bytes exceeds %d", n, maxFrame)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return m, fmt.Errorf("read frame of %d bytes: %w", n, err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("decode frame: %w", err)
	}
	return m, nil
}
