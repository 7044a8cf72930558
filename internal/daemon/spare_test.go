package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/internal/daemon/link"
)

// starts are the processes of a fake role, the first one first.
type starts struct {
	fakeRole
	mu  sync.Mutex
	all []*process
}

func (s *starts) spawn(name string) (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.fakeRole.spawn(name)
	s.all = append(s.all, p)
	return p, err
}

// kill ends process n, counted from 1, as fakeRole does.
func (s *starts) kill(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[n-1].kill()
}

// living are the processes that have not ended.
func (s *starts) living() (pids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.all {
		if !p.hasEnded() {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// startSpared runs a child that keeps a spare, and returns what tells the
// process of each life.
func startSpared(s *starts) (c *child, lives chan int, end func()) {
	lives = make(chan int, 100)
	c = &child{
		name: roleRouter, spawn: s.spawn, spare: &spare{name: roleRouter, spawn: s.spawn},
		handle:    func(context.Context, string, json.RawMessage) (any, error) { return nil, nil },
		configure: func(p *link.Peer, _ beginning) error { return callConfigured(p, callConfigure, nil) },
		began:     func(_ string, pid int) { lives <- pid },
		report:    func(string, string, map[string]any) {},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.run(ctx, nil); close(done) }()
	return c, lives, func() { cancel(); <-done }
}

// awaitSpare returns when a life is old enough for a spare.
func awaitSpare() {
	time.Sleep(spareAfter)
	synctest.Wait()
}

// The next life is that of the process that waits, and another one waits then.
func TestSpareReplacesADeadRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s starts
		c, lives, end := startSpared(&s)
		defer end()
		for life := 1; life < 4; life++ {
			if pid := <-lives; pid != life {
				t.Errorf("life %d is process %d", life, pid)
			}
			synctest.Wait()
			if st := c.status(); st.Spare != 0 {
				t.Errorf("spare %d beside a role that has just begun", st.Spare)
			}
			awaitSpare()
			if st := c.status(); st.PID != life || st.Spare != life+1 || !slices.Equal(s.living(), []int{life, life + 1}) {
				t.Errorf("process %d, spare %d, living %v", st.PID, st.Spare, s.living())
			}
			s.kill(life)
		}
	})
}

// A spare that ended while it waited is nobody's next life; another one waits
// before long.
func TestDeadSpareIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s starts
		c, lives, end := startSpared(&s)
		defer end()
		<-lives
		awaitSpare()
		s.kill(2)
		synctest.Wait()
		if st := c.status(); st.Spare != 0 {
			t.Errorf("spare %d is dead", st.Spare)
		}
		time.Sleep(spareEvery + time.Second)
		if st := c.status(); st.Spare != 3 {
			t.Errorf("spare %d, want another one", st.Spare)
		}
		s.kill(3)
		synctest.Wait()
		s.kill(1)
		if pid := <-lives; pid != 4 {
			t.Errorf("life of process %d, want a new one", pid)
		}
	})
}

// What waits ends with the role, and nothing is started after that.
func TestSpareEndsWithTheRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s starts
		c, lives, end := startSpared(&s)
		<-lives
		awaitSpare()
		end()
		c.spare.refill()
		if left := s.living(); len(left) > 0 || len(s.all) != 2 {
			t.Errorf("%v live of %d", left, len(s.all))
		}
	})
}

// A role that is not to be kept ready has no spare.
func TestNoSpare(t *testing.T) {
	var s *spare
	s.refill()
	if p := s.take(); p != nil || s.pid() != 0 {
		t.Errorf("process %v, %d", p, s.pid())
	}
	s.end()
}

// A role begins with its first message, of which nothing is lost, or not at all.
func TestRoleBeginsWithItsFirstMessage(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		_, _ = ours.Write([]byte("one"))
		_, _ = ours.Write([]byte("two"))
		ours.Close()
	}()
	conn, err := begun(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); string(b) != "onetwo" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	ours, theirs = net.Pipe()
	ours.Close()
	if conn, err := begun(theirs); conn != nil || err != nil {
		t.Errorf("without a supervisor: %v, %v", conn, err)
	}
}
