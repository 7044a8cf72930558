package lab

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// pingTimeout is how long an answer may take before the request is lost.
const pingTimeout = 500 * time.Millisecond

// Pinger is a client that sends ICMP echo requests at a fixed pace.
type Pinger struct {
	conn *icmp.PacketConn
	echo echo
	to   net.Addr
	stop chan struct{}
	done sync.WaitGroup

	mu       sync.Mutex
	sent     []time.Time
	answered map[int]bool
}

// echo is the ICMP of a family.
type echo struct {
	network, any   string
	protocol       int // of IP
	request, reply icmp.Type
}

var (
	echoIPv4 = echo{"ip4:icmp", "0.0.0.0", 1, ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply}
	echoIPv6 = echo{"ip6:ipv6-icmp", "::", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply}
)

// Ping pings a numeric address until Stop, with at most 65,536 requests.
func (h *Host) Ping(address string, every time.Duration) *Pinger {
	h.lab.tb.Helper()
	ip := netip.MustParseAddr(address)
	p := &Pinger{stop: make(chan struct{}), answered: make(map[int]bool), echo: echoIPv4}
	if ip.Is6() {
		p.echo = echoIPv6
	}
	err := h.Do(func() (err error) {
		p.conn, err = icmp.ListenPacket(p.echo.network, p.echo.any)
		return err
	})
	if err != nil {
		h.lab.tb.Fatalf("open ping socket: %v", err)
	}
	p.to = &net.IPAddr{IP: ip.AsSlice()}
	p.done.Go(func() { p.send(every) })
	var reading sync.WaitGroup
	reading.Go(p.receive)
	h.lab.tb.Cleanup(func() {
		p.conn.Close()
		reading.Wait()
	})
	return p
}

// pingID tells our requests from others'.
const pingID = 0x7610

// send writes the requests. One that cannot be sent, as when no host answers
// ARP, is lost.
func (p *Pinger) send(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		p.mu.Lock()
		seq := len(p.sent)
		p.sent = append(p.sent, time.Now())
		p.mu.Unlock()
		m := icmp.Message{Type: p.echo.request, Body: &icmp.Echo{ID: pingID, Seq: seq, Data: []byte("vipd")}}
		if b, err := m.Marshal(nil); err == nil {
			_, _ = p.conn.WriteTo(b, p.to)
		}
	}
}

// receive notes the answers until the socket is closed.
func (p *Pinger) receive() {
	buf := make([]byte, 256)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		m, err := icmp.ParseMessage(p.echo.protocol, buf[:n])
		if err != nil || m.Type != p.echo.reply {
			continue
		}
		if echo, ok := m.Body.(*icmp.Echo); ok && echo.ID == pingID {
			p.mu.Lock()
			p.answered[echo.Seq] = true
			p.mu.Unlock()
		}
	}
}

// Stop ends the pings, waits for the last answers and returns how many were
// sent and when those without an answer were.
func (p *Pinger) Stop() (sent int, lost []time.Time) {
	close(p.stop)
	p.done.Wait()
	time.Sleep(pingTimeout)
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq, at := range p.sent {
		if !p.answered[seq] {
			lost = append(lost, at)
		}
	}
	return len(p.sent), lost
}
