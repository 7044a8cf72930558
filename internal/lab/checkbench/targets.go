package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// targets is the process that plays all real servers, so that its processor
// time is not that of a daemon.
type targets struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startTargets(kind string) (*targets, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	t := &targets{cmd: exec.Command(self, "-serve", kind)}
	t.cmd.Stderr = os.Stderr
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReader(out)
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	t.ask("up")
	return t, nil
}

// ask sends a command and returns the answer.
func (t *targets) ask(command string) string {
	fmt.Fprintln(t.in, command)
	answer, _ := t.out.ReadString('\n') // a dead server counts nothing
	return strings.TrimSpace(answer)
}

// count returns how many connections came.
func (t *targets) count() int {
	n, _ := strconv.Atoi(t.ask("count"))
	return n
}

// reset begins to look for the longest pause and returns the count.
func (t *targets) reset() int {
	n, _ := strconv.Atoi(t.ask("reset"))
	return n
}

// pause returns the longest time that a target was not checked since reset.
func (t *targets) pause() time.Duration {
	d, _ := time.ParseDuration(t.ask("pause"))
	return d
}

// special lets the special real server live or die.
func (t *targets) special(alive bool) {
	if alive {
		t.ask("up")
	} else {
		t.ask("down")
	}
}

func (t *targets) stop() {
	t.in.Close()
	_ = t.cmd.Wait() // it ends with its input
}

// server is the inside of the targets' process.
type server struct {
	kind    string
	count   atomic.Int64
	mu      sync.Mutex
	special net.Listener
	last    map[netip.Addr]time.Time // when a target was checked
	longest time.Duration
}

// checked notes that a target was checked.
func (s *server) checked(c net.Conn) {
	s.count.Add(1)
	address, now := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr(), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.last[address]; ok {
		s.longest = max(s.longest, now.Sub(before))
	}
	s.last[address] = now
}

// pause is the longest pause so far, those that have not ended included.
func (s *server) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, before := range s.last {
		s.longest = max(s.longest, time.Since(before))
	}
	return s.longest
}

// reset forgets the pauses so far; every target was checked now.
func (s *server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest = 0
}

// serve listens on port 8001 of every address and on port 8000 of the special
// one, which can go away, and carries out commands from standard input.
func serve(kind string) error {
	s := &server{kind: kind, last: map[netip.Addr]time.Time{}}
	l, err := net.Listen("tcp4", "0.0.0.0:8001")
	if err != nil {
		return err
	}
	defer l.Close()
	go s.accept(l)
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

func (s *server) up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.special != nil {
		return nil
	}
	var err error
	if s.special, err = net.Listen("tcp4", "10.9.255.1:8000"); err == nil {
		go s.accept(s.special)
	}
	return err
}

func (s *server) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.special != nil {
		s.special.Close()
		s.special = nil
	}
}

func (s *server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.checked(c)
		if s.kind == "tcp" {
			c.Close()
			continue
		}
		go answer(c)
	}
}

// answer reads one request and answers it.
func answer(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 2048)
	if _, err := c.Read(buf); err == nil {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
	}
}
