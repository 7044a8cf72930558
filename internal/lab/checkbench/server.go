package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// server is the inside of the targets' process. It makes as few system calls
// as can be: what it takes is taken from the daemon, which shares its processor.
type server struct {
	kind    string
	begin   time.Time
	count   atomic.Int64
	mu      sync.Mutex
	special int                              // its listening socket; -1 while it is away
	last    map[netip.AddrPort]time.Duration // when a target was checked, since begin
	longest time.Duration
}

// backlog is how many connections may wait to be accepted.
const backlog = 4096

// page is the answer to every request.
var page = []byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")

// checked notes that a target was checked.
func (s *server) checked(target netip.AddrPort) {
	s.count.Add(1)
	now := time.Since(s.begin)
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.last[target]; ok {
		s.longest = max(s.longest, now-before)
	}
	s.last[target] = now
}

// pause is the longest pause so far, those that have not ended included.
func (s *server) pause() time.Duration {
	now := time.Since(s.begin)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, before := range s.last {
		s.longest = max(s.longest, now-before)
	}
	return s.longest
}

// reset forgets the pauses so far.
func (s *server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest = 0
}

// serve listens on port 8001 of every address and on port 8000 of the special
// one, which can go away, and carries out commands from standard input.
func serve(kind string) error {
	s := &server{kind: kind, begin: time.Now(), special: -1, last: map[netip.AddrPort]time.Duration{}}
	if _, err := s.listen(netip.AddrPortFrom(netip.IPv4Unspecified(), 8001)); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		switch in.Text() {
		case "count":
			fmt.Println(s.count.Load())
		case "reset":
			s.reset()
			fmt.Println(s.count.Load())
		case "pause":
			fmt.Println(s.pause())
		case "up":
			if err := s.up(); err != nil {
				return err
			}
			fmt.Println("ok")
		case "down":
			s.down()
			fmt.Println("ok")
		}
	}
	return nil
}

func (s *server) up() (err error) {
	if s.special < 0 {
		address, port := endpoint(0)
		s.special, err = s.listen(netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port)))
	}
	return err
}

// down makes the special real server refuse connections.
func (s *server) down() {
	if s.special >= 0 {
		_ = unix.Shutdown(s.special, unix.SHUT_RDWR) // ends accept, which closes it
		s.special = -1
	}
}

// listen opens a listening socket and serves it from a goroutine of its own.
func (s *server) listen(at netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}))
	if s.kind == httpChecks { // a connection is told of when its request is there
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1))
	}
	if err = errors.Join(err, unix.Listen(fd, backlog)); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	go s.accept(fd)
	return fd, nil
}

// accept serves connections until the socket is shut down, one after the other:
// nothing of it waits for a client.
func (s *server) accept(listener int) {
	defer unix.Close(listener)
	request := make([]byte, 2048)
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if errors.Is(err, unix.EINVAL) {
			return
		}
		if err != nil { // a client that is gone already
			continue
		}
		if name, err := unix.Getsockname(fd); err == nil {
			local := name.(*unix.SockaddrInet4)
			s.checked(netip.AddrPortFrom(netip.AddrFrom4(local.Addr), uint16(local.Port)))
		}
		if s.kind == httpChecks {
			answer(fd, request)
		}
		unix.Close(fd)
	}
}

// answer reads a request, which is there, and answers it.
func answer(fd int, request []byte) {
	if n, err := unix.Read(fd, request); err == nil && n > 0 {
		_, _ = unix.Write(fd, page)
	}
}
