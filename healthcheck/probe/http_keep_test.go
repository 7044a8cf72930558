package probe

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeptConnectionsEnd: an idle connection is used again, and closed when no
// probe comes for it: its target may have left the configuration.
func TestKeptConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeptConns()
		target, plain := netip.MustParseAddrPort("192.0.2.1:80"), request{port: 80}
		ours, server := net.Pipe()
		c := newWebConn(ours)
		for range 3 {
			k.put(target, plain, c, time.Minute)
			time.Sleep(time.Minute - 1)
			if got := k.take(target, plain); got != c {
				t.Fatalf("took %v, want the connection that was put", got)
			}
		}
		if got := k.take(target, plain); got != nil {
			t.Errorf("took %v, which is in use", got)
		}
		k.put(target, plain, c, time.Minute)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := k.take(target, plain); got != nil {
			t.Errorf("took %v, which should have ended", got)
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the server reads %v, want the end", err)
		}
	})
}

// TestKeptConnectionsAreBounded, and another one to the same place takes the
// place of the first.
func TestKeptConnectionsAreBounded(t *testing.T) {
	k := newKeptConns()
	var servers []net.Conn
	put := func(i int) {
		ours, server := net.Pipe()
		servers = append(servers, server)
		k.put(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80), request{port: 80}, newWebConn(ours), time.Hour)
	}
	for i := range maxKept + 10 {
		put(i)
	}
	put(maxKept + 9)
	closed := 0
	for _, s := range servers {
		_ = s.SetReadDeadline(time.Unix(1, 0))
		if _, err := s.Read(make([]byte, 1)); err == io.EOF {
			closed++
		}
	}
	if len(k.conns) != maxKept || closed != 11 {
		t.Errorf("%d are kept and %d closed, want %d and 11", len(k.conns), closed, maxKept)
	}
}
