package kernel

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ifreq is struct ifreq of linux/if.h with what SIOCGIFINDEX, SIOCGIFMTU and
// SIOCGIFHWADDR fill in: an integer, or struct sockaddr.
type ifreq struct {
	name  [unix.IFNAMSIZ]byte
	value [24]byte
}

// interfaceNamed returns name, index, MTU and hardware address of the interface
// that has the name now, and errNoInterface when there is none. Only Ethernet has
// a hardware address here. net.InterfaceByName lists all interfaces of the host:
// with a thousand of them each look-up takes the election loop 20 ms.
func interfaceNamed(name string) (*net.Interface, error) {
	var r ifreq
	if len(name) == 0 || len(name) >= len(r.name) {
		return nil, fmt.Errorf("interface %q: %w", name, errNoInterface)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("look up interface %s: %w", name, err)
	}
	defer unix.Close(fd)
	ask := func(request uintptr) (uint32, error) {
		r = ifreq{}
		copy(r.name[:], name)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&r))); errno != 0 {
			return 0, errno
		}
		return number(r.value[:]), nil
	}
	index, err := ask(unix.SIOCGIFINDEX)
	mtu, errMTU := ask(unix.SIOCGIFMTU)
	_, errMAC := ask(unix.SIOCGIFHWADDR)
	switch err = errors.Join(err, errMTU, errMAC); {
	case errors.Is(err, unix.ENODEV):
		return nil, fmt.Errorf("interface %s: %w", name, errNoInterface)
	case err != nil:
		return nil, fmt.Errorf("look up interface %s: %w", name, err)
	}
	ifi := &net.Interface{Name: name, Index: int(index), MTU: int(mtu)}
	const family = 2 // octets before the address (sa_family_t)
	if kind := *(*uint16)(unsafe.Pointer(&r.value)); kind == unix.ARPHRD_ETHER {
		ifi.HardwareAddr = slices.Clone(r.value[family : family+len(broadcast)])
	}
	return ifi, nil
}
