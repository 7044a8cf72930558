package kernel

import (
	"errors"

	"golang.org/x/sys/unix"
)

// askEach is up to how many ports each is asked whether it has something. With
// virtual MAC addresses there may be hundreds of them: to ask each then costs far
// more than all that they receive.
const askEach = 4

// arrivals asks the kernel which of many ports have something (epoll(7)).
type arrivals struct {
	fd     int // 0 while each port is asked
	events [64]unix.EpollEvent
	due    []unix.EpollEvent // of events, not yet taken
}

// follow makes the ports those that are asked for. Each is asked where the kernel
// has no room for more.
func (a *arrivals) follow(ports []*port) {
	a.close()
	if len(ports) <= askEach {
		return
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return
	}
	a.fd = fd
	for i, p := range ports {
		if p.rx != nil && p.rx.addTo(fd, i) != nil {
			a.close()
			return
		}
	}
}

// addTo registers the socket by a number.
func (r *receiver) addTo(epoll, number int) error {
	var add error
	err := r.raw.Control(func(fd uintptr) {
		add = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(number)})
	})
	return errors.Join(err, add)
}

// next returns the number of a port that has something. Each of those takes its
// turn before one is asked for again.
func (a *arrivals) next() (number int, found bool) {
	if len(a.due) == 0 {
		n, err := unix.EpollWait(a.fd, a.events[:], 0)
		if err != nil || n == 0 { // nothing interrupts what does not wait
			return 0, false
		}
		a.due = a.events[:n]
	}
	number = int(a.due[0].Fd)
	a.due = a.due[1:]
	return number, true
}

func (a *arrivals) close() {
	if a.fd > 0 {
		unix.Close(a.fd)
	}
	a.fd, a.due = 0, nil
}
