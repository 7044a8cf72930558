package lab

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
)

// pingTimeout is how long an answer may take before the request is lost.
const pingTimeout = 500 * time.Millisecond

// Pinger is a client that sends ICMP echo requests at a fixed pace.
type Pinger struct {
	conn *icmp.PacketConn
	to   net.Addr
	stop chan struct{}
	done sync.WaitGroup

	mu       sync.Mutex
	sent     []time.Time
	answered map[int]bool
}

// Ping pings a numeric IPv4 address until Stop, with at most 65,536 requests.
func (h *Host) Ping(address string, every time.Duration) *Pinger {
	h.lab.tb.Helper()
	p := &Pinger{stop: make(chan struct{}), answered: make(map[int]bool)}
	err := h.Do(func() (err error) {
		p.conn, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	})
	if err != nil {
		h.lab.tb.Fatalf("open ping socket: %v", err)
	}
	p.to = &net.IPAddr{IP: netip.MustParseAddr(address).AsSlice()}
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
		m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: pingID, Seq: seq, Data: []byte("vipd")}}
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
		m, err := icmp.ParseMessage(1, buf[:n])
		if err != nil || m.Type != ipv4.ICMPTypeEchoReply {
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
