package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/internal/daemon/succession"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/kernel"
	"github.com/vipd/vipd/vrrp/runner"
)

// yieldOrder tells a role to let the process go on that waits on a socket.
type yieldOrder struct {
	Socket string
}

// rehearsalBound is how long a successor may take to answer while nothing waits
// for it.
const rehearsalBound = 15 * time.Second

// quietMoments are how long nothing may be due for the router role to yield, and
// how long such a moment is looked for, one try after the other. The successor
// has until the next deadline; one that takes longer is not waited for, so that
// no advert is late.
var quietMoments = []struct{ quiet, search time.Duration }{
	{50 * time.Millisecond, 300 * time.Millisecond},
	{50 * time.Millisecond, time.Second},
	{20 * time.Millisecond, time.Second},
	{20 * time.Millisecond, time.Second},
	{5 * time.Millisecond, time.Second},
	{5 * time.Millisecond, time.Second},
	{2 * time.Millisecond, 2 * time.Second},
}

// routerState is what one router role leaves to the next, beside descriptors:
// of the lock, then of the sockets.
type routerState struct {
	Clock  kernel.Clock
	Config routerConfig
	Left   runner.Left
	Ports  []kernel.Port
}

// yield lets another process go on. After an error this one goes on as if
// nothing had happened.
func (r *routerRole) yield(ctx context.Context, o yieldOrder) error {
	p, err := succession.Dial(o.Socket, versions(), rehearsalBound)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := r.rehearse(ctx, p); err != nil {
		return err
	}
	for _, m := range quietMoments {
		search, cancel := context.WithTimeout(ctx, m.search)
		err = r.run.Yield(search, m.quiet, func(left runner.Left, until time.Time) error {
			body, fds, err := r.state(p.Version(), left)
			if err != nil {
				return err
			}
			defer succession.Close(fds)
			if err := p.Send(body, fds, until.Sub(kernel.Now())); err != nil {
				return err
			}
			return p.Go()
		})
		cancel()
		if err == nil {
			r.yielded.Store(true)
			r.kernel.Halt()
			return nil
		}
		if !errors.Is(err, runner.ErrBusy) && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, vrrp.ErrLeaving) {
			return err
		}
	}
	return err
}

// rehearse lets the successor verify the state while this role works on.
func (r *routerRole) rehearse(ctx context.Context, p *succession.Predecessor) error {
	rehearsed := errors.New("only rehearsed")
	var body json.RawMessage
	var fds []int
	err := r.run.Yield(ctx, 0, func(left runner.Left, _ time.Time) (err error) {
		if body, fds, err = r.state(p.Version(), left); err == nil {
			err = rehearsed
		}
		return err
	})
	defer succession.Close(fds)
	if !errors.Is(err, rehearsed) {
		return err
	}
	return p.Send(body, fds, rehearsalBound)
}

// state is what this role would leave now. The election loop calls it.
func (r *routerRole) state(version int, left runner.Left) (json.RawMessage, []int, error) {
	ports, sockets, err := r.kernel.Pass()
	if err != nil {
		return nil, nil, err
	}
	lock, err := unix.FcntlInt(r.lock.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		succession.Close(sockets)
		return nil, nil, fmt.Errorf("copy lock: %w", err)
	}
	fds := append([]int{lock}, sockets...)
	body, err := encodeState(version, routerState{Clock: kernel.ClockOf(), Config: r.configured(), Left: left, Ports: ports})
	if err != nil {
		succession.Close(fds)
		return nil, nil, err
	}
	return body, fds, nil
}

// routerHeir is a router role that is ready to go on with a state.
type routerHeir struct {
	state  routerState
	engine *vrrp.Engine
	kernel *kernel.Kernel
	lock   *os.File
}

// succeedRouter is runRouter for a process that goes on where another one
// stands.
func succeedRouter(ctx context.Context, conn io.ReadWriteCloser, opt Options, listener *os.File) error {
	r := newRouterRole(conn, opt)
	h, err := succession.Await(listener, versions(), r.inherit, (*routerHeir).drop)
	if err != nil {
		return err
	}
	r.lock, r.kernel, r.config = h.lock, h.kernel, h.state.Config
	if err = r.openRecord(); err != nil {
		return err
	}
	o := r.runnerOptions()
	o.Engine, o.Left = h.engine, &h.state.Left
	r.run = runner.New(o)
	return r.serve(ctx, func() error { return r.settle(h) })
}

// inherit makes everything ready that goes on with a state, and does nothing.
func (r *routerRole) inherit(version int, body json.RawMessage, fds []int) (*routerHeir, error) {
	h := &routerHeir{}
	if err := decodeState(version, body, &h.state); err != nil || len(fds) == 0 {
		succession.Close(fds)
		return nil, errors.Join(err, errNoLock(fds))
	}
	h.lock = os.NewFile(uintptr(fds[0]), routerLock)
	kernel.AdoptClock(h.state.Clock)
	var err error
	if h.kernel, err = kernel.Succeed(r.kernelOptions(), h.state.Ports, fds[1:]); err != nil {
		h.lock.Close()
		return nil, err
	}
	if h.engine, err = vrrp.Restore(h.state.Left.Engine); err != nil {
		h.drop()
		return nil, err
	}
	// From the rehearsal on: nothing may come between the last advert of the
	// process before and the first one of this.
	r.setRealTime(h.state.Config.RealTime)
	return h, nil
}

func errNoLock(fds []int) error {
	if len(fds) == 0 {
		return errors.New("no lock came with the state")
	}
	return nil
}

// drop gives up what was made ready.
func (h *routerHeir) drop() {
	h.kernel.Abandon()
	h.lock.Close()
}

// settle does, while the election goes on already, what has time.
func (r *routerRole) settle(h *routerHeir) error {
	r.kernel.Receive()
	if err := r.kernel.Start(h.state.Config.Routers, h.state.Config.Static); err != nil {
		return fmt.Errorf("take over addresses: %w", err)
	}
	r.kernel.Watch(h.state.Left.Interfaces())
	r.run.Do(&vrrp.Resumed{})
	return nil
}

// newRouterRole returns a role that has opened nothing yet.
func newRouterRole(conn io.ReadWriteCloser, opt Options) *routerRole {
	r := &routerRole{opt: opt, done: make(chan struct{})}
	r.peer = link.New(conn, r.handle)
	r.observer = newObserver(r.peer)
	if opt.unprotected != nil { // a container may forbid it
		r.observer.send("warn", "role", "protect role router: "+opt.unprotected.Error(), nil)
	}
	return r
}
