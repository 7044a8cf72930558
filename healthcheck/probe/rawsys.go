package probe

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the loop. None of them waits for anything, so they are
// made without telling Go's scheduler: at thousands of probes a second, its
// monitor would else wake up for each burst of them, which costs more than
// the probes.

// rawConnect begins to connect fd, which does not block.
func rawConnect(fd int, to netip.AddrPort) unix.Errno {
	if to.Addr().Is4() {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(to.Port()), Addr: to.Addr().As4()}
		return rawAddress(unix.SYS_CONNECT, fd, unsafe.Pointer(&sa), unix.SizeofSockaddrInet4)
	}
	sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: to.Addr().As16()}
	return rawAddress(unix.SYS_CONNECT, fd, unsafe.Pointer(&sa), unix.SizeofSockaddrInet6)
}

// rawAddress makes a call that takes a socket and an address.
func rawAddress(call uintptr, fd int, sa unsafe.Pointer, size uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(sa), size)
	return errno
}

// networkOrder swaps the bytes of a port where this machine has them the
// other way round.
func networkOrder(port uint16) uint16 {
	var bytes [2]byte
	bytes[0], bytes[1] = byte(port>>8), byte(port)
	return *(*uint16)(unsafe.Pointer(&bytes))
}

// rawRead and rawWrite move bytes; p is not empty. 0 and no error is the end
// of the stream.
func rawRead(fd int, p []byte) (int, unix.Errno)  { return rawMove(unix.SYS_READ, fd, p) }
func rawWrite(fd int, p []byte) (int, unix.Errno) { return rawMove(unix.SYS_WRITE, fd, p) }

func rawMove(call uintptr, fd int, p []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return 0, errno
		}
		return int(n), 0
	}
}

// rawEvents returns what has happened on the descriptors of an epoll set.
func rawEvents(epoll int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

func rawClose(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// pendingError returns the error of a socket, 0 if it has none.
func pendingError(fd int) unix.Errno {
	var value int32
	size := uint32(unsafe.Sizeof(value))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&value)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return unix.Errno(value)
}
