package probe

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// prepareTCP prepares a check that is content when the connection is accepted.
//
// The connection is closed in the ordinary way. A reset (SO_LINGER 0) would
// save this host a socket in TIME_WAIT for a minute, but servers log resets
// as errors, and accept() may fail for a connection that was reset in the
// queue. TIME_WAIT costs little: 60 entries per target at one probe a second,
// bounded by net.ipv4.tcp_max_tw_buckets, and as each target is another
// 4-tuple the local ports do not run out.
func prepareTCP(healthcheck.Settings, Options) (check, error) {
	return func(ctx context.Context, a *attempt) (string, error) {
		conn, err := connect(ctx, a)
		if err != nil {
			return "", err
		}
		conn.Close()
		return "connection accepted", nil
	}, nil
}

// connect opens a TCP connection to the target. The caller closes it.
func connect(ctx context.Context, a *attempt) (net.Conn, error) {
	defer a.enter(phaseConnect, &a.result.Connect)()
	d := net.Dialer{KeepAlive: -1} // off: a probe is shorter than any keep-alive
	conn, err := d.DialTCP(ctx, "tcp", netip.AddrPort{}, a.key.Target)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// deadliner is a connection whose reads and writes can be ended from outside.
type deadliner interface{ SetDeadline(time.Time) error }

// limit makes all reads and writes of conn end when ctx is done. The caller
// calls release when it needs conn no more.
func limit(ctx context.Context, conn deadliner) (release func() bool) {
	return context.AfterFunc(ctx, func() {
		// The past ends blocked calls too. The only error is a closed
		// connection, which has no blocked calls.
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
}
