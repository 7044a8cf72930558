package daemon

import (
	"sync"
	"time"
)

const (
	// spareAfter is how long a life must have lasted before a process is started
	// for the next one: what has just begun needs the machine itself.
	spareAfter = 2 * time.Second
	// spareEvery is how often it is seen to that a spare waits.
	spareEvery = time.Minute
)

// spare keeps a process of a role ready: it has started, and waits for its first
// message. To load a program and to begin it is most of what a restart takes, and
// on a busy machine takes longer than a backup waits. A nil spare keeps none.
type spare struct {
	name  string
	spawn spawner

	mu    sync.Mutex
	proc  *process // nil if none waits
	ended bool     // no other is started
}

// take returns the process that waits, which the caller then has; nil if there
// is none.
func (s *spare) take() *process {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bury()
	p := s.proc
	s.proc = nil
	return p
}

// refill starts a process unless one waits. If it cannot be started, the next
// life of the role begins as the first one did.
func (s *spare) refill() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bury()
	if s.proc == nil && !s.ended {
		s.proc, _ = s.spawn(s.name)
	}
}

// bury forgets a process that has ended while it waited; s.mu is held.
func (s *spare) bury() {
	if s.proc != nil && s.proc.hasEnded() {
		s.proc.conn.Close()
		s.proc = nil
	}
}

// pid is the process that waits, 0 if there is none.
func (s *spare) pid() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bury(); s.proc == nil {
		return 0
	}
	return s.proc.pid
}

// end lets the process go that waits, and waits for its end.
func (s *spare) end() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	if p := s.take(); p != nil {
		p.conn.Close()
		p.awaitEnd(stopBound)
	}
}
