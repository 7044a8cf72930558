package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
}

// serve listens on port 8001 of every address and on port 8000 of the special
// one, which can go away, and carries out commands from standard input.
func serve(kind string) error {
	s := &server{kind: kind}
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
		s.count.Add(1)
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
