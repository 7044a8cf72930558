package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeRetry is how often lines that did not fit are tried again.
const pipeRetry = 100 * time.Millisecond

// pipe writes lines to a named pipe. The pipe is held open for reading too, so
// that it exists for the kernel when nobody reads; what does not fit waits.
type pipe struct {
	report func(string)

	mu      sync.Mutex
	path    string
	file    *os.File
	waiting []string
	dropped int // lines, since the last that were written
	timer   *time.Timer
	failed  string // the last problem, reported once
}

// maxLines bounds the lines that wait for a reader. A pipe holds a thousand;
// of ten thousand real servers that die at once none must be left out.
const maxLines = 1 << 14

func newPipe(report func(string)) *pipe { return &pipe{report: report} }

// setPath changes where lines go.
func (p *pipe) setPath(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if path == p.path {
		return
	}
	p.shut()
	p.path, p.waiting, p.dropped, p.failed = path, nil, 0, ""
}

// prepare makes the pipe before there is a line for it.
func (p *pipe) prepare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flush()
}

// write writes a line, or keeps it when it does not fit.
func (p *pipe) write(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.path == "" {
		return
	}
	p.waiting = append(p.waiting, line)
	if len(p.waiting) > maxLines {
		p.waiting = p.waiting[1:]
		p.dropped++
		p.fail(errors.New("lines are dropped, nobody reads"))
	}
	p.flush()
}

// flush writes what waits. Call with the mutex held.
func (p *pipe) flush() {
	if p.file == nil {
		f, err := openPipe(p.path)
		if err != nil {
			p.fail(err)
			p.later()
			return
		}
		p.file = f
	}
	for len(p.waiting) > 0 {
		// A line is shorter than PIPE_BUF: it goes as a whole or not at all.
		_, err := syscall.Write(int(p.file.Fd()), []byte(p.waiting[0]))
		if err != nil {
			if !errors.Is(err, syscall.EAGAIN) {
				p.fail(err)
				p.shut()
			}
			p.later()
			return
		}
		p.waiting = p.waiting[1:]
	}
	p.failed = ""
	if p.dropped > 0 {
		p.report(fmt.Sprintf("notify pipe %s: %d lines were dropped while nobody read", p.path, p.dropped))
		p.dropped = 0
	}
}

// later tries again soon. Call with the mutex held.
func (p *pipe) later() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(pipeRetry, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.path != "" && len(p.waiting) > 0 {
			p.flush()
		}
	})
}

// fail reports a problem that was not reported just before.
func (p *pipe) fail(err error) {
	if p.failed != err.Error() {
		p.failed = err.Error()
		p.report(fmt.Sprintf("notify pipe %s: %v", p.path, err))
	}
}

func (p *pipe) shut() {
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
}

// close waits until nothing waits, or until the deadline.
func (p *pipe) close(deadline time.Time) {
	for time.Now().Before(deadline) {
		p.mu.Lock()
		empty := len(p.waiting) == 0
		p.mu.Unlock()
		if empty {
			break
		}
		time.Sleep(pipeRetry)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut()
	p.path = ""
}

// openPipe opens a named pipe and makes it when it is not there.
func openPipe(path string) (*os.File, error) {
	err := syscall.Mkfifo(path, 0o600)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("look at pipe: %w", err)
	}
	if info.Mode().Type() != fs.ModeNamedPipe {
		return nil, errors.New("it is not a named pipe")
	}
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open pipe: %w", err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
