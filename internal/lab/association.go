package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// AssociationServer answers each SCTP association with its host's name: a real
// server of SCTP.
type AssociationServer struct {
	host    *Host
	address string

	mu sync.Mutex
	ln net.Listener
}

// SCTP requires a kernel with SCTP, after asking for the module.
func SCTP() string {
	LoadModule("sctp")
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return fmt.Sprintf("a kernel with SCTP (%v)", err)
	}
	unix.Close(fd)
	return ""
}

// AssociationServer starts a server at one numeric address with a port. It
// binds to that address alone, which makes it the only one of its associations.
func (h *Host) AssociationServer(address string) *AssociationServer {
	h.lab.tb.Helper()
	// Cookies are not signed: a guest does not find the modules for it.
	h.Sysctl("net.sctp.cookie_hmac_alg", "none")
	s := &AssociationServer{host: h, address: address}
	h.lab.onClose(s.Stop)
	s.Start()
	return s
}

// Start starts a stopped server again.
func (s *AssociationServer) Start() {
	s.host.lab.tb.Helper()
	var ln net.Listener
	err := s.host.Do(func() error {
		sock, err := associationSocket(s.address, func(fd int, at unix.Sockaddr) error {
			if err := unix.Bind(fd, at); err != nil {
				return err
			}
			return unix.Listen(fd, 128)
		})
		if err == nil {
			defer sock.Close()
			ln, err = net.FileListener(sock)
		}
		return err
	})
	if err != nil {
		s.host.lab.tb.Fatalf("start SCTP server on %s: %v", s.host.Name, err)
	}
	s.mu.Lock()
	s.ln = ln
	s.mu.Unlock()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // in Stop
			}
			_, _ = io.WriteString(c, s.host.Name) // to a client that has gone
			c.Close()
		}
	}()
}

// Stop ends the server.
func (s *AssociationServer) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ln != nil {
		s.ln.Close()
	}
	s.ln = nil
}

// AskAssociation makes an association and returns who answered.
func (h *Host) AskAssociation(address string) Fetched {
	f := Fetched{At: time.Now()}
	ctx, cancel := context.WithTimeout(context.Background(), FetchTimeout)
	defer cancel()
	conn, err := h.associate(ctx, address)
	var said []byte
	if err == nil {
		defer conn.Close()
		said, err = io.ReadAll(conn)
	}
	if f.Backend, f.Took, f.Err = string(said), time.Since(f.At), err; err == nil {
		f.Status = http.StatusOK
	}
	return f
}

// associate connects, from the address that leads there alone.
func (h *Host) associate(ctx context.Context, address string) (conn net.Conn, err error) {
	from, err := h.Dial(ctx, "udp", address) // sends nothing
	if err != nil {
		return nil, err
	}
	local := from.LocalAddr().(*net.UDPAddr).AddrPort()
	from.Close()
	err = h.Do(func() error {
		deadline, _ := ctx.Deadline()
		sock, err := associationSocket(address, func(fd int, to unix.Sockaddr) error {
			limit := unix.NsecToTimeval(int64(time.Until(deadline)))
			if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
				return err
			}
			if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(local.Addr(), 0))); err != nil {
				return err
			}
			return unix.Connect(fd, to)
		})
		if err != nil {
			return err
		}
		defer sock.Close()
		if conn, err = net.FileConn(sock); err == nil {
			err = conn.SetDeadline(deadline)
		}
		return err
	})
	return conn, err
}

// associationSocket makes an SCTP socket for an address.
func associationSocket(address string, use func(fd int, at unix.Sockaddr) error) (*os.File, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	family := unix.AF_INET
	if a.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return nil, fmt.Errorf("open SCTP socket: %w", err)
	}
	if err := use(fd, sockaddr(a)); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "sctp "+address), nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
