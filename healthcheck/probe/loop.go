package probe

import (
	"container/heap"
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
)

// Loop carries out simple probes, most of those that directors make: TCP
// connections, and HTTP/1.1 over connections that are not kept. All of them
// share one goroutine and one epoll set, which itself waits in Go's poller; a
// probe costs half a dozen system calls and no stack of its own. Everything
// else is a matter for Prober.Run.
type Loop struct {
	prober *Prober
	file   *os.File // the epoll set
	epoll  int
	ring   func()                  // what Alarm is for
	landed func([]healthcheck.End) // takes what has ended

	mu      sync.Mutex
	closed  bool
	clock   clock
	bell    time.Time // when to ring; zero = never
	flights []*flight // by slot
	free    []*flight
	queue   deadlines
	broken  []*flight // that ended while they began

	events []unix.EpollEvent // of the goroutine alone
	buffer []byte            // likewise
}

// flight is one probe of a loop.
type flight struct {
	attempt
	plan *plan
	id   any

	fd       int
	slot     int
	turn     int32 // tells events of this use of the slot from older ones
	deadline time.Time
	index    int // in the queue
	since    time.Time
	err      error // why it could not begin

	connected bool
	out       []byte // of the request, not sent yet
	path      int
	reply     reply
}

// plan is what a Loop knows of settings: nil for those that are not simple.
type plan struct{ web *web } // nil = the connection is all

// batch is how many events are fetched at a time; readSize how many bytes.
const (
	batch    = 256
	readSize = 32 << 10
)

// NewLoop returns a Loop that probes as p does, if the kernel allows. Run must
// be called. It calls ring, which must not block, when an alarm is due, and
// hands to landed, which must not keep the slice, the ends of probes.
func (p *Prober) NewLoop(ring func(), landed func([]healthcheck.End)) (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true) // for Go's poller
	}
	if err != nil {
		return nil, fmt.Errorf("make epoll set: %w", err)
	}
	l := &Loop{
		prober: p, file: os.NewFile(uintptr(fd), "probes"), epoll: fd, ring: ring, landed: landed,
		events: make([]unix.EpollEvent, batch), buffer: make([]byte, readSize),
	}
	if l.clock, err = newClock(fd); err != nil {
		l.file.Close()
		return nil, err
	}
	return l, nil
}

// Alarm makes Run ring at t; the zero time takes the last alarm back.
func (l *Loop) Alarm(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bell = t
	l.wind(t)
}

// wind makes Run wake up at t, if it does not before. Call with the mutex held.
func (l *Loop) wind(t time.Time) {
	if !l.closed && !t.IsZero() {
		l.clock.within(t)
	}
}

// Begin starts those probes that are for a Loop, and marks them. Their ends are
// told in the goroutine of Run, or never when Run ends first.
func (l *Loop) Begin(starts []healthcheck.Start) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range starts {
		s := &starts[i]
		if plan := l.prober.plan(&s.Key); plan != nil && !l.closed {
			now = later(now)
			l.begin(s, plan, now)
			s.Begun = true
		}
	}
}

// later returns the time now, when t was a moment ago. It reads one clock where
// time.Now reads two, each of which is a system call on some machines and then
// as dear as a part of the probe.
func later(t time.Time) time.Time { return t.Add(time.Since(t)) }

// begin starts one probe. Call with the mutex held.
func (l *Loop) begin(s *healthcheck.Start, plan *plan, now time.Time) {
	f := l.take()
	f.attempt = attempt{key: s.Key, phase: phaseConnect, result: healthcheck.Result{At: now}}
	f.plan, f.id, f.path, f.err = plan, s.ID, 0, nil
	f.deadline = now.Add(s.Key.Settings.Timeout)
	heap.Push(&l.queue, f)
	if f.err = l.connect(f, now); f.err != nil {
		l.broken = append(l.broken, f)
		l.wind(now)
	} else {
		l.wind(f.deadline)
	}
}

// take returns a flight with a slot.
func (l *Loop) take() *flight {
	if n := len(l.free); n > 0 {
		f := l.free[n-1]
		l.free = l.free[:n-1]
		f.turn++
		return f
	}
	f := &flight{slot: len(l.flights), fd: -1}
	l.flights = append(l.flights, f)
	return f
}

// Run carries out what Begin starts, until ctx is done.
func (l *Loop) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, l.retire)()
	defer l.close()
	raw, err := l.file.SyscallConn()
	if err != nil {
		return // closed
	}
	var ended []healthcheck.End
	for ctx.Err() == nil {
		n, waited := 0, false
		err := raw.Read(func(uintptr) bool {
			if !waited {
				n, waited = rawEvents(l.epoll, l.events), true
				return n > 0
			}
			return true
		})
		if err != nil {
			return
		}
		var rings bool
		ended, rings = l.turn(ended[:0], n)
		if len(ended) > 0 {
			l.landed(ended)
			clear(ended)
		}
		if rings {
			l.ring()
		}
	}
}

// retire takes no more probes and ends Run.
func (l *Loop) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.file.SetReadDeadline(time.Unix(1, 0)) // an epoll set has a poller
}

// turn takes in n events that were fetched, or those that wait, and, when the
// clock is among them, what is due after that: what came in time counts,
// however late we are.
func (l *Loop) turn(ended []healthcheck.End, n int) (_ []healthcheck.End, rings bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n == 0 { // here, so that a batch that begins is over
		n = rawEvents(l.epoll, l.events)
	}
	now, woken := time.Now(), false
	for _, e := range l.events[:n] {
		if e.Fd == clockSlot {
			woken = true
			continue
		}
		f := l.flights[e.Fd]
		if f.turn != e.Pad || f.fd < 0 {
			continue
		}
		if over, reason, err := l.advance(f, e.Events, now); over {
			ended = append(ended, l.land(f, now, reason, err))
		}
	}
	if !woken || l.closed {
		return ended, false
	}
	return l.expire(ended, now)
}

// expire takes in that the clock has run down, and winds it again.
func (l *Loop) expire(ended []healthcheck.End, now time.Time) (_ []healthcheck.End, rings bool) {
	l.clock.ranDown()
	for _, f := range l.broken {
		ended = append(ended, l.land(f, now, "", f.err))
	}
	l.broken = l.broken[:0]
	for len(l.queue) > 0 && !l.queue[0].deadline.After(now) {
		ended = append(ended, l.land(l.queue[0], now, "", os.ErrDeadlineExceeded))
	}
	if len(l.queue) > 0 {
		l.wind(l.queue[0].deadline)
	}
	if rings = !l.bell.IsZero() && !l.bell.After(now); rings {
		l.bell = time.Time{}
	}
	l.wind(l.bell)
	return ended, rings
}

// land ends a flight and frees what it holds.
func (l *Loop) land(f *flight, now time.Time, reason string, err error) healthcheck.End {
	fail := &failure{healthcheck.ClassOK, reason}
	if err != nil {
		fail = f.classify(context.Background(), err)
	}
	end := healthcheck.End{ID: f.id, Result: f.finish(fail, now)}
	heap.Remove(&l.queue, f.index)
	l.hangUp(f)
	f.id, f.plan, f.out = nil, nil, nil
	f.reply.forget()
	l.free = append(l.free, f)
	return end
}

func (l *Loop) hangUp(f *flight) {
	if f.fd >= 0 {
		rawClose(f.fd) // which takes it out of the epoll set
		f.fd = -1
	}
}

// close ends everything.
func (l *Loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true // its descriptors may soon be somebody else's
	for _, f := range l.queue {
		l.hangUp(f)
	}
	l.queue, l.broken = nil, nil
	l.clock.close()
	l.file.Close()
}

// connect opens the socket of a flight and begins to connect it.
func (l *Loop) connect(f *flight, now time.Time) error {
	target, network := f.key.Target, f.key.Settings.Network
	family := unix.AF_INET6
	if target.Addr().Is4() {
		family = unix.AF_INET
	}
	f.since, f.connected = now, false
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f.fd = fd
	if network != (healthcheck.Network{}) {
		if err := prepareSocket(fd, network, target); err != nil {
			return err
		}
	}
	if errno := rawConnect(fd, target); errno != 0 && errno != unix.EINPROGRESS {
		return errno
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(f.slot), Pad: f.turn,
	})
}

// prepareSocket sets what settings say about where a probe comes from.
func prepareSocket(fd int, n healthcheck.Network, target netip.AddrPort) error {
	if err := setOptions(fd, n); err != nil {
		return err
	}
	from := localAddress(n, target)
	if !from.IsValid() {
		return nil
	}
	if from.Port() == 0 {
		// The port is chosen when connecting: each target has all of them.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) // an economy only
	}
	if from.Addr().Is4() {
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(from.Port()), Addr: from.Addr().As4()})
	}
	return unix.Bind(fd, &unix.SockaddrInet6{Port: int(from.Port()), Addr: from.Addr().As16()})
}

// advance goes on with a flight after events. over tells that it has ended.
func (l *Loop) advance(f *flight, events uint32, now time.Time) (over bool, reason string, err error) {
	if !f.connected {
		if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			if errno := pendingError(f.fd); errno != 0 {
				return true, "", errno
			}
		}
		f.connected = true
		f.result.Connect = now.Sub(f.since)
		if f.plan.web == nil {
			return true, "connection accepted", nil
		}
		f.ask(later(now))
	}
	if len(f.out) > 0 {
		n, errno := rawWrite(f.fd, f.out)
		f.out = f.out[n:]
		if errno != 0 && errno != unix.EAGAIN {
			// What the server said before counts for more.
			f.out = nil
		}
		if events&^unix.EPOLLOUT == 0 {
			return false, "", nil
		}
	}
	return l.listen(f, events, now)
}

// listen reads the answer as far as it came.
func (l *Loop) listen(f *flight, events uint32, now time.Time) (over bool, reason string, err error) {
	const ending = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	for {
		n, errno := rawRead(f.fd, l.buffer)
		if errno == unix.EAGAIN {
			return false, "", nil
		}
		if f.result.First == 0 && n > 0 {
			f.result.First = max(now.Sub(f.since), 0) // it may have come before we asked
		}
		over, reason, err = f.hear(l.buffer[:n], syscallError(errno))
		if over && err == nil && f.path+1 < len(f.plan.web.paths) {
			f.path++
			l.hangUp(f)
			f.turn++
			f.result.First = 0
			err := l.connect(f, later(now))
			return err != nil, "", err
		}
		if over || n < len(l.buffer) && events&ending == 0 {
			return over, reason, err
		}
	}
}

func syscallError(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// deadlines is a heap.Interface, the earliest first.
type deadlines []*flight

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline.Before(d[j].deadline) }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	f := x.(*flight)
	f.index = len(*d)
	*d = append(*d, f)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	f := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return f
}
