package probe

import (
	"fmt"
	"net"

	"github.com/vipd/vipd/healthcheck"
)

// boundConn limits how much a library reads from a server, whatever that
// server claims to send.
func boundConn(conn net.Conn) net.Conn {
	return &boundedConn{Conn: conn, left: maxBody}
}

type boundedConn struct {
	net.Conn
	left int
}

// Read implements net.Conn.
func (b *boundedConn) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &failure{healthcheck.ClassProtocol, fmt.Sprintf("the server sends more than %d bytes", maxBody)}
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
