package lab

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// DatagramServer answers each datagram with its host's name: a real server of
// UDP.
type DatagramServer struct {
	host      *Host
	addresses []string

	mu    sync.Mutex
	socks []net.PacketConn
}

// DatagramServer starts a server at numeric addresses with ports. An answer
// leaves from the address that was asked, hence one socket for each.
func (h *Host) DatagramServer(addresses ...string) *DatagramServer {
	h.lab.tb.Helper()
	s := &DatagramServer{host: h, addresses: addresses}
	h.lab.onClose(s.Stop)
	s.Start()
	return s
}

// Start starts a stopped server again.
func (s *DatagramServer) Start() {
	s.host.lab.tb.Helper()
	for _, address := range s.addresses {
		var sock net.PacketConn
		err := s.host.Do(func() (err error) {
			sock, err = net.ListenPacket("udp", address)
			return err
		})
		if err != nil {
			s.host.lab.tb.Fatalf("start datagram server on %s: %v", s.host.Name, err)
		}
		s.mu.Lock()
		s.socks = append(s.socks, sock)
		s.mu.Unlock()
		go s.serve(sock) // ends in Stop
	}
}

// Stop closes the sockets: what comes then is answered by the kernel's
// "port unreachable".
func (s *DatagramServer) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sock := range s.socks {
		sock.Close()
	}
	s.socks = nil
}

func (s *DatagramServer) serve(sock net.PacketConn) {
	b := make([]byte, 1500)
	for {
		_, from, err := sock.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = sock.WriteTo([]byte(s.host.Name), from) // a client that has gone
	}
}

// AskDatagram sends one datagram from a new port and returns who answered.
func (h *Host) AskDatagram(address string) Fetched {
	f := Fetched{At: time.Now()}
	ctx, cancel := context.WithTimeout(context.Background(), FetchTimeout)
	defer cancel()
	conn, err := h.Dial(ctx, "udp", address)
	if err == nil {
		defer conn.Close()
		err = conn.SetDeadline(f.At.Add(FetchTimeout))
	}
	if err == nil {
		_, err = conn.Write([]byte("who"))
	}
	b := make([]byte, 1500)
	n := 0
	if err == nil {
		n, err = conn.Read(b)
	}
	f.Backend, f.Took, f.Err = strings.TrimSpace(string(b[:n])), time.Since(f.At), err
	if err == nil {
		f.Status = http.StatusOK
	}
	return f
}
