package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vipd/vipd/vrrp"
	"golang.org/x/sys/unix"
)

// Port is one place of a Wire as plain data: what another process needs beside
// the descriptors to go on with its sockets.
type Port struct {
	Interface string
	Family    vrrp.Family
	AH        bool
	Groups    []netip.Addr
	Base      string
	VRID      uint8
	FromBase  bool
	// Open tells that two descriptors belong to the port: of the receive and
	// the transmit socket, which are bound to these interfaces.
	Open           bool
	Index, TxIndex int
	Joined         []netip.Addr
}

// errPassed tells that sockets and their description do not fit together.
var errPassed = errors.New("passed sockets do not fit")

// Pass returns the places of the wire and copies of its descriptors, two for
// each open port in the order of the ports. The caller closes them. Only the
// wire's own goroutine may call it.
func (k *Kernel) Pass() (ports []Port, fds []int, err error) {
	for _, p := range k.wire.ports {
		m := Port{
			Interface: p.iface, Family: p.family, AH: p.ah, Groups: p.groups,
			Base: p.base, VRID: p.vrid, FromBase: p.fromBase, Index: p.index, TxIndex: p.txIndex,
		}
		if p.rx != nil {
			m.Open, m.Joined = true, p.rx.joined
			for _, conn := range []*net.IPConn{p.rx.conn, p.tx.conn} {
				fd, dupErr := duplicate(conn)
				if dupErr != nil {
					err = errors.Join(err, dupErr)
					continue
				}
				fds = append(fds, fd)
			}
		}
		ports = append(ports, m)
	}
	if err != nil {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return nil, nil, err
	}
	return ports, fds, nil
}

// duplicate copies a descriptor. It leaves alone that the socket does not
// block, which all copies share.
func duplicate(conn *net.IPConn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("copy socket: %w", err)
	}
	var dupErr error
	err = raw.Control(func(own uintptr) { fd, dupErr = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, dupErr); err != nil {
		return 0, fmt.Errorf("copy socket: %w", err)
	}
	return fd, nil
}

// passedWire makes a wire of passed sockets, whose descriptors it owns also when
// it fails.
func passedWire(ports []Port, fds []int) (*Wire, error) {
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "passed socket")
		defer files[i].Close() // connections have copies
	}
	w := newWire()
	w.own = make(map[virtual]string)
	for _, m := range ports {
		p := &port{
			socketPlace: socketPlace{m.Interface, m.Family, m.AH}, groups: m.Groups,
			base: m.Base, vrid: m.VRID, fromBase: m.FromBase, index: m.Index, txIndex: m.TxIndex,
		}
		if m.Base != "" {
			w.own[virtual{m.Base, m.Family, m.VRID}] = m.Interface
		}
		w.ports = append(w.ports, p)
		if !m.Open {
			continue
		}
		if len(files) < 2 {
			w.close()
			return nil, errPassed
		}
		if err := p.take(m, files[0], files[1]); err != nil {
			w.close()
			return nil, err
		}
		files = files[2:]
	}
	if len(files) > 0 {
		w.close()
		return nil, errPassed
	}
	w.many.follow(w.ports)
	return w, nil
}

// take makes the port one with the passed sockets.
func (p *port) take(m Port, rxFile, txFile *os.File) error {
	rx, rxErr := passedConn(rxFile)
	tx, txErr := passedConn(txFile)
	if err := errors.Join(rxErr, txErr); err != nil {
		return err
	}
	p.rx, rxErr = receiverOn(rx, p.family)
	p.tx, txErr = transmitterOn(tx, p.family)
	p.rx.joined = m.Joined
	return errors.Join(rxErr, txErr)
}

func passedConn(f *os.File) (*net.IPConn, error) {
	conn, err := net.FilePacketConn(f)
	if err != nil {
		return nil, fmt.Errorf("use passed socket: %w", err)
	}
	ip, ok := conn.(*net.IPConn)
	if !ok {
		conn.Close()
		return nil, errPassed
	}
	return ip, nil
}

// listen lets arrivals on all passed sockets be signalled, and signals once for
// what has arrived before.
func (w *Wire) listen() {
	for _, p := range w.ports {
		if p.rx != nil {
			go p.rx.await(w.ready)
		}
	}
	select {
	case w.ready <- struct{}{}:
	default:
	}
}
