package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
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
