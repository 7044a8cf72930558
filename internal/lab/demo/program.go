package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// program is the lab.TB of a program that is no test.
type program struct {
	out   io.Writer
	start time.Time

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

var _ lab.TB = (*program)(nil)

// abort is what Fatalf panics with.
type abort struct{ error }

// Helper does nothing: narration has no line numbers.
func (p *program) Helper() {}

// Name returns the program's name.
func (p *program) Name() string { return "demo" }

// Failed reports whether Errorf or Fatalf was called.
func (p *program) Failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// Logf prints a line of the narration.
func (p *program) Logf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}

// Errorf prints a line and makes the program fail at its end.
func (p *program) Errorf(format string, args ...any) {
	p.Logf(format, args...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = true
}

// Fatalf ends the program with an error after its clean-up.
func (p *program) Fatalf(format string, args ...any) {
	p.mu.Lock()
	p.failed = true
	p.mu.Unlock()
	panic(abort{fmt.Errorf(format, args...)})
}

// Skipf is Fatalf: the demo has nothing to skip to.
func (p *program) Skipf(format string, args ...any) { p.Fatalf(format, args...) }

// Cleanup registers fn to run at the end, last registered first.
func (p *program) Cleanup(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, fn)
}

// run plays the story to its end, or until ctx ends, and cleans up.
func (p *program) run(ctx context.Context, story func()) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			switch r := recover().(type) {
			case nil:
				done <- nil
			case abort:
				done <- r.error
			default:
				p.clean()
				panic(r)
			}
		}()
		story()
	}()
	defer p.clean()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.Join(errors.New("the demo was ended before its end"), ctx.Err())
	}
}

func (p *program) clean() {
	p.mu.Lock()
	cleanups := p.cleanups
	p.cleanups = nil
	p.mu.Unlock()
	for i := len(cleanups) - 1; i >= 0; i-- {
		cleanups[i]()
	}
}
