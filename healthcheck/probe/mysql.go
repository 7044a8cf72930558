package probe

import (
	"bufio"
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"

	"github.com/go-sql-driver/mysql"

	"github.com/vipd/vipd/healthcheck"
)

// prepareMySQL prepares a check of a MySQL or MariaDB server. Without a user
// it reads the greeting; with one it logs in, runs the query, if any, and
// wants a row.
func prepareMySQL(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.SQL)
	if p.User == "" {
		return streamed(s, o, func(_ context.Context, t *stream) (string, error) { return mysqlGreeting(t.in) }), nil
	}
	expect, err := optional(p.Expect)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, a *attempt) (string, error) {
		conn, err := connect(ctx, a)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		defer limit(ctx, conn)()
		a.phase = phaseLogin
		session, err := mysqlLogin(ctx, a, conn, s, o)
		if err != nil {
			return "", mysqlFailure(err)
		}
		defer session.Close()
		if p.Query == "" {
			return "logged in", nil
		}
		a.phase = phaseAnswer
		value, err := mysqlQuery(ctx, session, p.Query)
		if err != nil {
			return "", mysqlFailure(err)
		}
		return judgeRow(value, expect)
	}, nil
}

// mysqlLogin logs in over conn.
func mysqlLogin(ctx context.Context, a *attempt, conn net.Conn, s healthcheck.Settings, o Options) (driver.Conn, error) {
	p := s.Params.(healthcheck.SQL)
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = p.User, p.Password, p.Database
	c.Net, c.Addr = "tcp", a.key.Target.String()
	c.Logger = silent{}
	c.CheckConnLiveness = false
	if s.TLS.Mode == healthcheck.TLSOn {
		c.TLS = clientConfig(s, o, "")
		if c.TLS.ServerName == "" {
			c.TLS.ServerName = addressName(a.key)
		}
	}
	c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return boundConn(conn), nil }
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, internal(err)
	}
	return connector.Connect(ctx)
}

// silent drops what the driver would log: the errors are returned as well.
type silent struct{}

// Print implements mysql.Logger.
func (silent) Print(...any) {}

// mysqlQuery returns the first column of the first row; io.EOF when there is
// no row.
func mysqlQuery(ctx context.Context, session driver.Conn, query string) (string, error) {
	rows, err := session.(driver.QueryerContext).QueryContext(ctx, query, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if len(row) == 0 {
		return "", io.EOF
	}
	if err := rows.Next(row); err != nil {
		return "", err
	}
	if text, ok := row[0].([]byte); ok {
		return string(text), nil
	}
	return fmt.Sprint(row[0]), nil
}

// judgeRow judges the first value that a query returned.
func judgeRow(value string, expect *regexp.Regexp) (string, error) {
	if expect != nil && !expect.MatchString(value) {
		return "", &failure{healthcheck.ClassBody, mismatch(expect.String(), "first row", []byte(value))}
	}
	return fmt.Sprintf("query returned %q", shorten(value)), nil
}

// errNoRow is the failure of a query that finds nothing.
var errNoRow = &failure{healthcheck.ClassBody, "the query returned no row"}

// mysqlFailure classifies what the driver says.
func mysqlFailure(err error) error {
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused):
		return &failure{healthcheck.ClassStatus, fmt.Sprintf("the server says: %s (error %d)", refused.Message, refused.Number)}
	case errors.Is(err, mysql.ErrNoTLS):
		return &failure{healthcheck.ClassTLS, "the server does not offer TLS"}
	case errors.Is(err, io.EOF):
		return errNoRow
	}
	return tlsFailure(err)
}

// mysqlGreeting reads the first packet of a server: a greeting, or why it
// takes no connection.
func mysqlGreeting(in *bufio.Reader) (string, error) {
	packet, err := mysqlPacket(in)
	if err != nil {
		return "", err
	}
	const errorPacket, protocol10 = 0xff, 10
	switch {
	case len(packet) >= 3 && packet[0] == errorPacket:
		return "", &failure{healthcheck.ClassStatus,
			fmt.Sprintf("the server says: %s (error %d)", shorten(string(packet[3:])), binary.LittleEndian.Uint16(packet[1:]))}
	case len(packet) > 1 && packet[0] == protocol10:
		version, _, found := bytes.Cut(packet[1:], []byte{0})
		if found {
			return "MySQL protocol, version " + shorten(string(version)), nil
		}
	}
	return "", &failure{healthcheck.ClassProtocol, fmt.Sprintf("this is not a MySQL greeting: %q", shorten(string(packet)))}
}

// mysqlPacket reads one packet: three bytes of length, one of sequence.
func mysqlPacket(in *bufio.Reader) ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, err
	}
	size := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if header[3] != 0 || size > maxLine {
		return nil, &failure{healthcheck.ClassProtocol, fmt.Sprintf("this is not a MySQL greeting: %q", header)}
	}
	packet := make([]byte, size)
	_, err := io.ReadFull(in, packet)
	return packet, err
}
