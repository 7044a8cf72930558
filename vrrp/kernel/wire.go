package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// Wire sends and receives adverts: for each interface and family one receive
// and one transmit socket. It implements runner.Wire and belongs
// to one goroutine.
type Wire struct {
	ready chan struct{}
	ports []*port
	own   map[virtual]string // interfaces of virtual routers that have one
	turn  int                // the port whose turn it is to receive
	many  arrivals           // of more ports than are asked in turn
	buf   []byte
}

// socketPlace is what sockets belong to.
type socketPlace struct {
	iface  string
	family vrrp.Family
	ah     bool // of packets with an authentication header
}

// virtual is a virtual router that has an interface of its own.
type virtual struct {
	base   string
	family vrrp.Family
	vrid   uint8
}

// port is one place to listen at. Its sockets are nil while the interface is
// missing.
type port struct {
	socketPlace
	groups []netip.Addr
	// base and vrid are set on the interface of one virtual router: packets
	// are its base interface's, and only its own are meant.
	base     string
	vrid     uint8
	fromBase bool
	index    int // of the interface the sockets belong to
	txIndex  int // of the interface that adverts leave by
	rx       *receiver
	tx       *transmitter
	// buffer is how large the receive buffer is to be, sized what it was made.
	buffer, sized vrrp.ReceiveBuffer
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
		port, found := w.next()
		if !found {
			return false
		}
		if port.rx == nil {
			continue
		}
		for port.rx.receive(w.buf, p) {
			if w.claims(port, p) {
				return true
			}
		}
	}
	return false
}

// next returns the port to ask now, if any can have something.
func (w *Wire) next() (*port, bool) {
	if w.many.fd > 0 {
		i, found := w.many.next()
		return w.ports[i], found
	}
	port := w.ports[w.turn]
	w.turn = (w.turn + 1) % len(w.ports)
	return port, true
}

// claims tells whether a packet is meant for the port that got it, and says on
// which interface it arrived. What goes to a group arrives at the interface of
// its virtual router and at the base interface.
func (w *Wire) claims(at *port, p *vrrp.Received) bool {
	p.Interface = at.iface
	message := p.Payload
	if p.AH {
		message = message[min(len(message), authHeaderLen):]
	}
	var vrid uint8
	if len(message) > 1 {
		vrid = message[1]
	}
	if at.base != "" {
		p.Interface = at.base
		return vrid == at.vrid
	}
	return !p.Dst.IsMulticast() || w.own[virtual{at.iface, at.family, vrid}] == ""
}

// Send implements runner.Wire.
func (w *Wire) Send(a *vrrp.SendAdvert) error {
	at := socketPlace{a.ID.Interface, a.ID.Family, a.AH}
	if own := w.own[virtual{a.ID.Interface, a.ID.Family, a.ID.VRID}]; own != "" {
		at.iface = own
	}
	i := slices.IndexFunc(w.ports, func(p *port) bool { return p.socketPlace == at })
	if i < 0 || w.ports[i].tx == nil {
		return fmt.Errorf("send advert on %s: %w", a.ID.Interface, errNoInterface)
	}
	if err := w.ports[i].tx.send(w.ports[i].txIndex, a); err != nil {
		return fmt.Errorf("send advert on %s: %w", a.ID.Interface, err)
	}
	return nil
}

// Listen implements runner.Wire. Ports that stay keep their sockets and
// whatever is queued in them.
func (w *Wire) Listen(want []runner.Port) error {
	old := w.ports
	w.ports, w.turn, w.own = nil, 0, make(map[virtual]string)
	for _, p := range want {
		at := socketPlace{p.Interface, p.Family, p.AH}
		if p.Carrier == "" {
			shared := w.port(at, old)
			shared.belong("", 0, false)
			shared.join(p.Group)
			shared.buffer = shared.buffer.Plus(p.Buffer)
			continue
		}
		at.iface = p.Carrier
		own := w.port(at, old)
		own.belong(p.Interface, p.VRID, p.FromBase)
		own.join(p.Group)
		if reported(p.Group) {
			base := w.port(socketPlace{iface: p.Interface, family: p.Family}, old)
			base.belong("", 0, false)
			base.join(p.Group)
		}
		own.buffer = own.buffer.Plus(p.Buffer)
		w.own[virtual{p.Interface, p.Family, p.VRID}] = p.Carrier
	}
	for _, p := range old {
		if !slices.Contains(w.ports, p) {
			p.close()
		}
	}
	var errs []error
	for _, p := range w.ports {
		if p.rx == nil || !sameGroups(p.rx.joined, p.groups) {
			errs = append(errs, p.relink(w.ready))
		}
		errs = append(errs, p.resize())
	}
	w.many.follow(w.ports)
	return errors.Join(errs...)
}

// reported tells whether switches that snoop want to hear of the membership in a
// group (RFC 4541 §2.1.2, §3). They hear it from the base interface: that of a
// backup's virtual router is silent.
func reported(group netip.Addr) bool { return group.Is6() || !alwaysFlooded.Contains(group) }

var alwaysFlooded = netip.MustParsePrefix("224.0.0.0/24")

// sameGroups reports whether two lists without repetitions hold the same.
func sameGroups(a, b []netip.Addr) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(g netip.Addr) bool { return !slices.Contains(b, g) })
}

// port returns the port of a place: from the wire, from the old ports or new.
func (w *Wire) port(at socketPlace, old []*port) *port {
	is := func(p *port) bool { return p.socketPlace == at }
	if i := slices.IndexFunc(w.ports, is); i >= 0 {
		return w.ports[i]
	}
	p := &port{socketPlace: at}
	if i := slices.IndexFunc(old, is); i >= 0 {
		p = old[i]
		p.groups, p.buffer = nil, vrrp.ReceiveBuffer{}
	}
	w.ports = append(w.ports, p)
	return p
}

// belong makes the port one virtual router's, or that of all of an interface.
func (p *port) belong(base string, vrid uint8, fromBase bool) {
	if p.base != base || p.fromBase != fromBase {
		p.close()
	}
	p.base, p.vrid, p.fromBase = base, vrid, fromBase
}

// join adds a group to those the port listens to.
func (p *port) join(group netip.Addr) {
	if !slices.Contains(p.groups, group) {
		p.groups = append(p.groups, group)
	}
}

// Relink implements runner.Wire. Sockets stay when the interface is still the
// same one.
func (w *Wire) Relink(iface string) error {
	var errs []error
	for _, p := range w.ports {
		if p.iface == iface {
			errs = append(errs, p.relink(w.ready), p.resize())
		}
	}
	w.many.follow(w.ports)
	return errors.Join(errs...)
}

func (w *Wire) close() {
	w.many.close()
	for _, p := range w.ports {
		p.close()
	}
}

// authHeaderLen is the length of an authentication header with HMAC-MD5-96
// (RFC 2402 §2).
const authHeaderLen = 24

// errNoInterface tells that a name stands for no interface now.
var errNoInterface = errors.New("no such interface")

// relink makes the sockets belong to the interface that has the name now.
func (p *port) relink(ready chan<- struct{}) error {
	ifi, err := interfaceNamed(p.iface)
	if err != nil {
		p.close()
		if errors.Is(err, errNoInterface) {
			return nil // retried when it comes
		}
		return err
	}
	if p.rx != nil && p.index == ifi.Index {
		return p.rx.rejoin(ifi, p.groups)
	}
	p.close()
	return p.open(ifi, ready)
}

func (p *port) open(ifi *net.Interface, ready chan<- struct{}) error {
	rx, err := newReceiver(ifi, p.socketPlace, p.groups, ready)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", p.iface, err)
	}
	out := ifi
	if p.fromBase {
		if out, err = interfaceNamed(p.base); err != nil {
			rx.close()
			return fmt.Errorf("open transmit socket on %s: %w", p.base, err)
		}
	}
	tx, err := newTransmitter(out, p.socketPlace)
	if err != nil {
		rx.close()
		return fmt.Errorf("open transmit socket on %s: %w", p.iface, err)
	}
	p.index, p.txIndex, p.rx, p.tx = ifi.Index, out.Index, rx, tx
	return nil
}

// resize gives the receive buffer its size.
func (p *port) resize() error {
	if p.rx == nil || p.buffer == p.sized {
		return nil
	}
	octets := p.buffer.Octets
	if p.buffer.MTUs > 0 {
		ifi, err := interfaceNamed(p.iface)
		if errors.Is(err, errNoInterface) {
			return nil // it went: the next one of the name is asked for
		}
		if err != nil {
			return err
		}
		octets += p.buffer.MTUs * ifi.MTU
	}
	if octets == 0 {
		octets = receiveBuffer
	}
	if err := p.rx.conn.SetReadBuffer(octets); err != nil {
		return fmt.Errorf("size receive buffer on %s: %w", p.iface, err)
	}
	p.sized = p.buffer
	return nil
}

func (p *port) close() {
	if p.rx != nil {
		p.rx.close()
		p.tx.close()
	}
	p.index, p.rx, p.tx, p.sized = 0, nil, nil, vrrp.ReceiveBuffer{}
}
