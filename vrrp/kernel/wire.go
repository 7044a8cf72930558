package kernel

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// Wire sends and receives adverts: for each port one receive socket and for
// each interface one transmit socket. It implements runner.Wire and belongs
// to one goroutine.
type Wire struct {
	ready chan struct{}
	ports []*port
	turn  int // the port whose turn it is to receive
	buf   []byte
}

// port is one place to listen at. Its sockets are nil while the interface is
// missing.
type port struct {
	runner.Port
	index int // of the interface the sockets belong to
	rx    *receiver
	tx    *transmitter
}

func newWire() *Wire {
	// The largest IPv4 packet.
	return &Wire{ready: make(chan struct{}, 1), buf: make([]byte, 65535)}
}

// Ready implements runner.Wire.
func (w *Wire) Ready() <-chan struct{} { return w.ready }

// TryReceive implements runner.Wire. The ports take turns packet by packet.
func (w *Wire) TryReceive(p *vrrp.Received) bool {
	for range w.ports {
		port := w.ports[w.turn]
		w.turn = (w.turn + 1) % len(w.ports)
		if port.rx == nil {
			continue
		}
		if n := port.rx.read(w.buf); n > 0 && parseIPv4(w.buf[:n], p) {
			p.Interface = port.Interface
			return true
		}
	}
	return false
}

// Send implements runner.Wire.
func (w *Wire) Send(a *vrrp.SendAdvert) error {
	i := slices.IndexFunc(w.ports, func(p *port) bool { return p.Port == portOf(a.ID) })
	if i < 0 || w.ports[i].tx == nil {
		return fmt.Errorf("send advert on %s: %w", a.ID.Interface, errNoInterface)
	}
	if err := w.ports[i].tx.send(w.ports[i].index, a); err != nil {
		return fmt.Errorf("send advert on %s: %w", a.ID.Interface, err)
	}
	return nil
}

func portOf(id vrrp.RouterID) runner.Port {
	return runner.Port{Interface: id.Interface, Family: id.Family}
}

// Listen implements runner.Wire. Ports that stay keep their sockets and
// whatever is queued in them.
func (w *Wire) Listen(want []runner.Port) error {
	var keep []*port
	for _, p := range w.ports {
		if slices.Contains(want, p.Port) {
			keep = append(keep, p)
		} else {
			p.close()
		}
	}
	w.ports, w.turn = keep, 0
	var errs []error
	for _, p := range want {
		if !slices.ContainsFunc(w.ports, func(have *port) bool { return have.Port == p }) {
			added := &port{Port: p}
			w.ports = append(w.ports, added)
			errs = append(errs, added.relink(w.ready))
		}
	}
	return errors.Join(errs...)
}

// Relink implements runner.Wire. Sockets stay when the interface is still the
// same one.
func (w *Wire) Relink(iface string) error {
	var errs []error
	for _, p := range w.ports {
		if p.Interface == iface {
			errs = append(errs, p.relink(w.ready))
		}
	}
	return errors.Join(errs...)
}

func (w *Wire) close() {
	for _, p := range w.ports {
		p.close()
	}
}

// errNoInterface tells that a name stands for no interface now.
var errNoInterface = errors.New("no such interface")

// relink makes the sockets belong to the interface that has the name now.
func (p *port) relink(ready chan<- struct{}) error {
	if p.Family != vrrp.IPv4 {
		return fmt.Errorf("listen on %s: no adverts over %s", p.Interface, p.Family)
	}
	ifi, err := net.InterfaceByName(p.Interface)
	if err != nil {
		p.close()
		return nil // absent: retried when it comes
	}
	if p.rx != nil && p.index == ifi.Index {
		return p.rx.rejoin(ifi)
	}
	p.close()
	return p.open(ifi, ready)
}

func (p *port) open(ifi *net.Interface, ready chan<- struct{}) error {
	rx, err := newReceiver(ifi, ready)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", p.Interface, err)
	}
	tx, err := newTransmitter(ifi)
	if err != nil {
		rx.close()
		return fmt.Errorf("open transmit socket on %s: %w", p.Interface, err)
	}
	p.index, p.rx, p.tx = ifi.Index, rx, tx
	return nil
}

func (p *port) close() {
	if p.rx != nil {
		p.rx.close()
		p.tx.close()
	}
	p.index, p.rx, p.tx = 0, nil, nil
}
