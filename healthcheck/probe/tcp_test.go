package probe

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/vipd/vipd/healthcheck"
)

func TestTCP(t *testing.T) {
	p := New(Options{})
	t.Run("accepted", func(t *testing.T) {
		target := listen(t, hang)
		r := expect(t, p, keyOf(healthcheck.KindTCP, target, nil), healthcheck.ClassOK, "connection accepted")
		if r.Connect <= 0 || r.Connect > r.Duration || r.TLS != 0 || r.First != 0 {
			t.Errorf("phases of %+v", r)
		}
	})
	t.Run("IPv4-mapped", func(t *testing.T) {
		target := listen(t, hang)
		mapped := netip.AddrPortFrom(netip.AddrFrom16(target.Addr().As16()), target.Port())
		expect(t, p, keyOf(healthcheck.KindTCP, mapped, nil), healthcheck.ClassOK, "connection accepted")
	})
	t.Run("IPv6", func(t *testing.T) {
		l, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Skipf("no IPv6 loopback: %v", err)
		}
		defer l.Close()
		target := l.Addr().(*net.TCPAddr).AddrPort()
		expect(t, p, keyOf(healthcheck.KindTCP, target, nil), healthcheck.ClassOK, "connection accepted")
	})
	t.Run("refused", func(t *testing.T) {
		expect(t, p, keyOf(healthcheck.KindTCP, closedPort(t), nil), healthcheck.ClassRefused, "connection refused")
	})
	t.Run("not accepted in time", func(t *testing.T) {
		expect(t, p, keyOf(healthcheck.KindTCP, fullQueue(t), short), healthcheck.ClassTimeout, "no connection within 300ms")
	})
	t.Run("no target", func(t *testing.T) {
		expect(t, p, keyOf(healthcheck.KindTCP, netip.AddrPort{}, nil), healthcheck.ClassInternal, "probe has no target address")
	})
}

// TestTCPClosesInTheOrdinaryWay makes sure that servers see an end of file and
// no reset, which they would log as an error.
func TestTCPClosesInTheOrdinaryWay(t *testing.T) {
	saw := make(chan error, 1)
	target := listen(t, func(c net.Conn) {
		_, err := c.Read(make([]byte, 1))
		saw <- err
	})
	expect(t, New(Options{}), keyOf(healthcheck.KindTCP, target, nil), healthcheck.ClassOK, "connection accepted")
	if err := <-saw; err == nil || err.Error() != "EOF" {
		t.Errorf("server read %v, want EOF", err)
	}
}

// fullQueue returns the address of a listener whose queue of connections is
// full, so that the kernel drops further SYNs as a dead host would.
func fullQueue(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	at := name.(*syscall.SockaddrInet4)
	target := netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))
	for range 4 {
		conn, err := net.DialTimeout("tcp", target.String(), 100*time.Millisecond)
		if err != nil {
			return target
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue does not fill")
	return target
}

func TestCancelledProbeIsOurDoing(t *testing.T) {
	targets := map[string]healthcheck.Key{
		"connect": keyOf(healthcheck.KindTCP, fullQueue(t), nil),
		"answer":  keyOf(healthcheck.KindHTTP, listen(t, hang), nil),
		"TLS":     keyOf(healthcheck.KindHTTPS, listen(t, hang), nil),
	}
	for name, k := range targets {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			r := New(Options{}).Run(ctx, k)
			if r.Class != healthcheck.ClassInternal || r.Reason != "probe was cancelled" || r.Duration > 10*time.Second {
				t.Errorf("result %s %q after %v", r.Class, r.Reason, r.Duration)
			}
		})
	}
}

// TestDrippedSIP: a header that does not end is no malformed one.
func TestDrippedSIP(t *testing.T) {
	target := listen(t, func(c net.Conn) { _, _ = c.Write([]byte("SIP/2.0 200 OK\r\nVia: a")); hang(c) })
	k := keyOf(healthcheck.KindSIP, target, func(s *healthcheck.Settings) {
		short(s)
		s.Params = healthcheck.SIP{User: "a", Transport: "tcp", Status: "200"}
	})
	expect(t, New(Options{}), k, healthcheck.ClassTimeout, "no answer within 300ms")
}

// TestTimeIsUpWhateverALibrarySays gives what libraries say of a connection
// that was closed under them because the time was up.
func TestTimeIsUpWhateverALibrarySays(t *testing.T) {
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	burnt := newFuse(t)
	close(burnt.burnt)
	for _, err := range []error{
		mysql.ErrInvalidConn, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, os.ErrDeadlineExceeded,
		errors.New("conn closed"), errors.New("ldap: connection closed"), fmt.Errorf("read: %w", io.ErrClosedPipe),
	} {
		for name, ctx := range map[string]context.Context{"context done": burnt, "deadline passed": late} {
			a := newAttempt(keyOf(healthcheck.KindTCP, netip.MustParseAddrPort("127.0.0.1:1"), nil))
			a.phase = phaseAnswer
			if f := a.classify(ctx, err); f.class != healthcheck.ClassTimeout || f.reason != "no answer within 20s" {
				t.Errorf("%s, %v: %s %q", name, err, f.class, f.reason)
			}
		}
	}
	for _, err := range []error{syscall.ECONNREFUSED, errNoRow} {
		a := newAttempt(keyOf(healthcheck.KindTCP, netip.MustParseAddrPort("127.0.0.1:1"), nil))
		if f := a.classify(burnt, err); f.class == healthcheck.ClassTimeout {
			t.Errorf("%v: %s %q", err, f.class, f.reason)
		}
	}
}

func TestClassify(t *testing.T) {
	tests := []struct {
		err    error
		class  healthcheck.Class
		reason string
	}{
		{syscall.ECONNREFUSED, healthcheck.ClassRefused, "connection refused"},
		{syscall.ETIMEDOUT, healthcheck.ClassTimeout, "connection timed out"},
		{context.DeadlineExceeded, healthcheck.ClassTimeout, "no connection within 20s"},
		{syscall.EHOSTUNREACH, healthcheck.ClassNetwork, "no route to host while waiting for the connection"},
		{syscall.ENETUNREACH, healthcheck.ClassNetwork, "network is unreachable while waiting for the connection"},
		{syscall.ECONNRESET, healthcheck.ClassNetwork, "connection reset by peer while waiting for the connection"},
		{syscall.EACCES, healthcheck.ClassNetwork, "prohibited by a firewall or a route while waiting for the connection"},
		{syscall.EADDRINUSE, healthcheck.ClassInternal, "wait for connection: address already in use"},
		{syscall.EMFILE, healthcheck.ClassInternal, "wait for connection: too many open files"},
		{syscall.EADDRNOTAVAIL, healthcheck.ClassInternal, "wait for connection: cannot assign requested address"},
		{syscall.EPERM, healthcheck.ClassInternal, "wait for connection: operation not permitted"},
		{syscall.EINVAL, healthcheck.ClassNetwork, "invalid argument"},
		{errors.New("strange"), healthcheck.ClassNetwork, "dial: strange"},
	}
	for _, tt := range tests {
		t.Run(tt.err.Error(), func(t *testing.T) {
			a := newAttempt(keyOf(healthcheck.KindTCP, netip.MustParseAddrPort("127.0.0.1:1"), nil))
			a.enter(phaseConnect, nil)()
			f := a.classify(t.Context(), &net.OpError{Op: "dial", Err: tt.err})
			if f.class != tt.class || f.reason != tt.reason {
				t.Errorf("%s %q, want %s %q", f.class, f.reason, tt.class, tt.reason)
			}
		})
	}
}
