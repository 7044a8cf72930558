package probe

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
)

// TestZonesStayHere: servers of a link-local address are told that address, and
// their certificate is compared with it, without the name of our interface.
func TestZonesStayHere(t *testing.T) {
	inNamespace(t, "0 2147483647", func() {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			t.Fatal(err)
		}
		address, err := netlink.ParseAddr("fe80::7/64")
		if err != nil {
			t.Fatal(err)
		}
		address.Flags = unix.IFA_F_NODAD
		if err := netlink.AddrAdd(lo, address); err != nil {
			t.Fatal(err)
		}
		ca := newAuthority(t)
		cert := ca.issue(time.Now().Add(time.Hour), []net.IP{net.ParseIP("fe80::7")})
		heard := make(chan string, 1)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			heard <- r.Host
			w.Header().Set("Grpc-Status", "12")
		}))
		server.Listener.Close()
		if server.Listener, err = net.Listen("tcp", "[fe80::7%lo]:0"); err != nil {
			t.Fatal(err)
		}
		server.Config.ErrorLog = discardLog
		server.TLS, server.EnableHTTP2 = &tls.Config{Certificates: []tls.Certificate{cert}}, true
		server.StartTLS()
		defer server.Close()
		packets, err := net.ListenPacket("udp", "[fe80::7%lo]:0")
		if err != nil {
			t.Fatal(err)
		}
		defer packets.Close()
		go func() {
			buf := make([]byte, 4096)
			n, from, _ := packets.ReadFrom(buf)
			heard <- string(buf[:n])
			for _, a := range sip("SIP/2.0 200 OK\r\nCall-ID: CALL\r\n\r\n")(string(buf[:n])) {
				_, _ = packets.WriteTo([]byte(a), from)
			}
		}()
		zoned := netip.MustParseAddr("fe80::7%lo") // the kernel tells a listener's address without
		awaitRoute(t, netip.AddrPortFrom(zoned, portOf(server.Listener.Addr())), healthcheck.Network{})
		secure := func(s *healthcheck.Settings) { s.TLS = healthcheck.TLS{Mode: healthcheck.TLSOn, Verify: true} }
		for _, mark := range []uint32{0, 7} { // by either kind of socket
			expect(t, New(Options{}), keyOf(healthcheck.KindPing, netip.AddrPortFrom(zoned, 0), func(s *healthcheck.Settings) {
				s.Network.Source, s.Network.Mark = netip.MustParseAddr("fe80::7"), mark
			}), healthcheck.ClassOK, "echo reply")
		}
		for _, tt := range []struct {
			kind   healthcheck.Kind
			target net.Addr
			change func(*healthcheck.Settings)
			class  healthcheck.Class
			reason string
		}{
			{healthcheck.KindHTTPS, server.Listener.Addr(), secure, healthcheck.ClassOK, "HTTP status 200"},
			{healthcheck.KindGRPC, server.Listener.Addr(), secure, healthcheck.ClassStatus, "gRPC status 12: the server has no health service"},
			{healthcheck.KindHTTPS, server.Listener.Addr(), func(s *healthcheck.Settings) {
				secure(s)
				s.Network.Source = netip.MustParseAddr("fe80::7")
			}, healthcheck.ClassOK, "HTTP status 200"},
			{healthcheck.KindSIP, packets.LocalAddr(), nil, healthcheck.ClassOK, "SIP status 200"},
		} {
			expect(t, ca.prober(), keyOf(tt.kind, netip.AddrPortFrom(zoned, portOf(tt.target)), tt.change), tt.class, tt.reason)
			select {
			case got := <-heard:
				if !strings.Contains(got, "[fe80::7]:") || strings.Contains(got, "%") {
					t.Errorf("%s heard of %q", tt.kind, got)
				}
			case <-time.After(time.Second):
				t.Errorf("%s heard nothing", tt.kind)
			}
		}
	})
}

// portOf returns the port of a socket's address.
func portOf(a net.Addr) uint16 {
	return netip.MustParseAddrPort(a.String()).Port()
}
