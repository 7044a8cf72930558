package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/vipd/vipd/healthcheck"
)

// preparePostgreSQL prepares a check of a PostgreSQL server. Without a user it
// asks to log in as nobody, as pg_isready does, and is content when the server
// would let somebody; with one it logs in, runs the query, if any, and wants a
// row.
func preparePostgreSQL(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.SQL)
	if p.User == "" {
		return func(ctx context.Context, a *attempt) (string, error) {
			conn, err := postgresqlConn(ctx, a, s, o)
			if err != nil {
				return "", err
			}
			defer conn.Close()
			defer limit(ctx, conn)()
			return postgresqlReady(a, conn)
		}, nil
	}
	expect, err := optional(p.Expect)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, a *attempt) (string, error) {
		session, err := postgresqlLogin(ctx, a, s, o)
		if err != nil {
			return "", postgresqlFailure(err)
		}
		defer session.Close(ctx)
		if p.Query == "" {
			return "logged in", nil
		}
		a.phase = phaseAnswer
		results, err := session.Exec(ctx, p.Query).ReadAll()
		if err != nil {
			return "", postgresqlFailure(err)
		}
		if len(results) == 0 || len(results[0].Rows) == 0 || len(results[0].Rows[0]) == 0 {
			return "", errNoRow
		}
		return judgeRow(string(results[0].Rows[0][0]), expect)
	}, nil
}

// postgresqlLogin logs in. Nothing of the daemon's environment counts.
func postgresqlLogin(ctx context.Context, a *attempt, s healthcheck.Settings, o Options) (*pgconn.PgConn, error) {
	p := s.Params.(healthcheck.SQL)
	c, err := pgconn.ParseConfig("host=192.0.2.1 user=none sslmode=disable")
	if err != nil {
		return nil, internal(err)
	}
	c.Host, c.Port = a.key.Target.Addr().String(), a.key.Target.Port()
	c.User, c.Password, c.Database = p.User, p.Password, p.Database
	c.TLSConfig, c.Fallbacks = nil, nil
	c.RuntimeParams = map[string]string{"application_name": "vipd"}
	c.MaxProtocolMessageBodyLen = maxBody
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	conn, err := postgresqlConn(ctx, a, s, o)
	if err != nil {
		return nil, err
	}
	a.phase = phaseLogin
	c.DialFunc = dialOnce(boundConn(conn))
	session, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		conn.Close()
	}
	return session, err
}

// errDialedBefore keeps a client to its one connection.
var errDialedBefore = errors.New("a probe uses one connection")

// dialOnce hands out conn once. The client of PostgreSQL dials again in the
// background to cancel what an ended probe had asked for; by then the probe is
// over, and a second connection would be none of a check's business.
func dialOnce(conn net.Conn) pgconn.DialFunc {
	var used atomic.Bool
	return func(context.Context, string, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, errDialedBefore
		}
		return conn, nil
	}
}

// Codes of messages that take the place of a protocol version, and version
// 3.0 (PostgreSQL, chapter "Message Formats").
const (
	sslRequest = 80877103
	protocol30 = 3 << 16
)

// postgresqlConn connects and, when settings say so, starts TLS.
func postgresqlConn(ctx context.Context, a *attempt, s healthcheck.Settings, o Options) (net.Conn, error) {
	conn, err := connect(ctx, a)
	if err != nil || s.TLS.Mode == healthcheck.TLSOff {
		return conn, err
	}
	defer limit(ctx, conn)()
	secure, err := postgresqlTLS(ctx, a, conn, s, o)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

func postgresqlTLS(ctx context.Context, a *attempt, conn net.Conn, s healthcheck.Settings, o Options) (net.Conn, error) {
	a.phase = phaseTLS
	message := binary.BigEndian.AppendUint32(nil, 8)
	if _, err := conn.Write(binary.BigEndian.AppendUint32(message, sslRequest)); err != nil {
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, err
	}
	switch answer[0] {
	case 'S':
		return handshake(ctx, a, conn, clientConfig(s, o, ""))
	case 'N':
		return nil, &failure{healthcheck.ClassTLS, "the server does not offer TLS"}
	}
	return nil, &failure{healthcheck.ClassProtocol, fmt.Sprintf("this is not PostgreSQL: %q", answer)}
}

// postgresqlReady sends a start-up message and judges the answer.
func postgresqlReady(a *attempt, conn net.Conn) (string, error) {
	a.phase = phaseAnswer
	body := binary.BigEndian.AppendUint32(nil, protocol30)
	body = append(body, "user\x00vipd\x00application_name\x00vipd\x00\x00"...)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)); err != nil {
		return "", err
	}
	var header [5]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return "", err
	}
	size := binary.BigEndian.Uint32(header[1:])
	if (header[0] != 'R' && header[0] != 'E') || size < 4 || size > maxLine {
		return "", &failure{healthcheck.ClassProtocol, fmt.Sprintf("this is not PostgreSQL: %q", header)}
	}
	if header[0] == 'R' {
		return "the server asks who we are", nil
	}
	fields := make([]byte, size-4)
	if _, err := io.ReadFull(conn, fields); err != nil {
		return "", err
	}
	return judgePostgreSQL(fields)
}

// judgePostgreSQL judges an error message: one about who we are shows that the
// server takes connections (class 28 and 3D of its error codes), any other is
// a failure.
func judgePostgreSQL(fields []byte) (string, error) {
	var code, message string
	for _, f := range strings.Split(string(fields), "\x00") {
		switch {
		case strings.HasPrefix(f, "C"):
			code = f[1:]
		case strings.HasPrefix(f, "M"):
			message = f[1:]
		}
	}
	if strings.HasPrefix(code, "28") || strings.HasPrefix(code, "3D") {
		return "the server asks who we are", nil
	}
	return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("the server says: %s (code %s)", shorten(message), shorten(code))}
}

// postgresqlFailure classifies what the driver says.
func postgresqlFailure(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return &failure{healthcheck.ClassStatus, fmt.Sprintf("the server says: %s (code %s)", refused.Message, refused.Code)}
	}
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		return connecting.Unwrap()
	}
	return err
}
