package lab

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespace is a nameless network namespace and the OS threads that work in
// it. One thread lives as long as the namespace: children are started from it
// alone, because the kernel delivers their parent-death signal when the thread
// that forked them ends.
type namespace struct {
	fd      netns.NsHandle
	links   *netlink.Handle
	forker  chan func()
	workers chan func()
	done    chan struct{}
	threads sync.WaitGroup
}

// newNamespace makes a namespace with loopback up.
func newNamespace() (*namespace, error) {
	ns := &namespace{forker: make(chan func()), workers: make(chan func()), done: make(chan struct{})}
	ready := make(chan error)
	ns.threads.Add(1)
	go func() {
		defer ns.threads.Done()
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var err error
		ns.fd, err = netns.New()
		ready <- err
		if err == nil {
			ns.serve(ns.forker, nil)
		}
	}()
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("make network namespace: %w", err)
	}
	if err := ns.open(); err != nil {
		ns.close()
		return nil, err
	}
	return ns, nil
}

// open prepares the netlink handle and the loopback interface.
func (ns *namespace) open() error {
	links, err := netlink.NewHandleAt(ns.fd, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink in namespace: %w", err)
	}
	ns.links = links
	lo, err := links.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	if err := links.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set loopback up: %w", err)
	}
	return nil
}

// serve runs first, unless nil, and then jobs until the namespace closes.
func (ns *namespace) serve(jobs chan func(), first func()) {
	if first != nil {
		first()
	}
	for {
		select {
		case job := <-jobs:
			job()
		case <-ns.done:
			return
		}
	}
}

var errClosed = errors.New("the lab is closed")

// do runs fn on a thread inside the namespace and returns its error.
func (ns *namespace) do(fn func() error) error {
	result := make(chan error, 1)
	job := func() { result <- fn() }
	select {
	case <-ns.done:
		return errClosed
	case ns.workers <- job:
	default:
		ns.threads.Add(1)
		go ns.work(job, result)
	}
	return <-result
}

// work is a worker thread; first is its first job.
func (ns *namespace) work(first func(), result chan<- error) {
	defer ns.threads.Done()
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if err := netns.Set(ns.fd); err != nil {
		result <- fmt.Errorf("enter namespace: %w", err)
		return
	}
	ns.serve(ns.workers, first)
}

// fork runs fn on the thread that children must be started from.
func (ns *namespace) fork(fn func() error) error {
	result := make(chan error, 1)
	select {
	case ns.forker <- func() { result <- fn() }:
		return <-result
	case <-ns.done:
		return errClosed
	}
}

// close ends the threads; the kernel removes the namespace and all interfaces
// in it once the last process has left. Call it once.
func (ns *namespace) close() {
	close(ns.done)
	ns.threads.Wait()
	if ns.links != nil {
		ns.links.Close()
	}
	ns.fd.Close()
}
