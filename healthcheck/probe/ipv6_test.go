package probe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/vipd/vipd/healthcheck"
)

// overIPv6 repeats a probe that is to succeed through a relay on ::1: what a
// kind puts on the wire must not depend on the family. It reports false where
// that is not possible: a data connection of FTP, or a redirect, goes to a port
// of its own.
func overIPv6(t *testing.T, target netip.AddrPort, s healthcheck.Settings) (relay netip.AddrPort, ok bool) {
	t.Helper()
	ftp, isFTP := s.Params.(healthcheck.FTP)
	web, isWeb := s.Params.(healthcheck.HTTP)
	if isWeb && web.Redirects > 0 {
		return netip.AddrPort{}, false
	}
	if !target.Addr().Is4() || target.Port() == 0 || s.Network.Source.IsValid() || isFTP && ftp.Path != "" {
		return netip.AddrPort{}, false
	}
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return netip.AddrPort{}, false // no IPv6 here
	}
	t.Cleanup(func() { l.Close() })
	relay = l.Addr().(*net.TCPAddr).AddrPort()
	packets, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(relay))
	if err != nil {
		return netip.AddrPort{}, false // the port is somebody's
	}
	t.Cleanup(func() { packets.Close() })
	go relayStreams(l, target)
	go relayPackets(packets, target)
	return relay, true
}

// relayStreams passes on what comes over connections, both ways.
func relayStreams(l net.Listener, target netip.AddrPort) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", target.String())
		if err != nil {
			from.Close()
			continue
		}
		pass := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_ = to.(*net.TCPConn).CloseWrite()
		}
		go func() {
			defer from.Close()
			defer to.Close()
			go pass(to, from)
			pass(from, to)
		}()
	}
}

// relayPackets passes on datagrams, and the answers to whoever asked last.
func relayPackets(from *net.UDPConn, target netip.AddrPort) {
	to, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(target))
	if err != nil {
		return
	}
	defer to.Close()
	asked := make(chan netip.AddrPort, 1)
	go func() {
		buf := make([]byte, 64<<10)
		for client := (netip.AddrPort{}); ; {
			n, err := to.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			select {
			case client = <-asked:
			default:
			}
			_, _ = from.WriteToUDPAddrPort(buf[:n], client)
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, client, err := from.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		asked <- client
		_, _ = to.Write(buf[:n])
	}
}

// TestRedirectsOverIPv6: a relay cannot stand in for a server that sends us on.
func TestRedirectsOverIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			// The name is not followed, the path and the port are.
			http.Redirect(w, r, fmt.Sprintf("http://www.example.com:%d/there", l.Addr().(*net.TCPAddr).Port), http.StatusFound)
			return
		}
		fmt.Fprintf(w, "%s at %s", r.URL.Path, r.Host)
	})}}
	s.Start()
	defer s.Close()
	k := keyOf(healthcheck.KindHTTP, l.Addr().(*net.TCPAddr).AddrPort(), asking(func(h *healthcheck.HTTP) {
		h.Redirects, h.Expect = 1, "^/there at www.example.com"
	}))
	if r := New(Options{}).Run(t.Context(), k); !r.OK() {
		t.Errorf("result %s %q", r.Class, r.Reason)
	}
}
