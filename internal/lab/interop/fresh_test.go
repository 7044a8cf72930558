package interop

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// askEvery is how often another fresh client looks for an address.
const askEvery = 2 * time.Millisecond

// fresh is a crowd of clients that each look for an address once by ARP, one
// after the other: whatever the moment of a hand-over, one of them asks in it.
type fresh struct {
	conn *packet.Conn
	stop chan struct{}
	done sync.WaitGroup

	mu      sync.Mutex
	asked   []time.Time
	answers []answer
}

// answer is an ARP packet that says where the address is.
type answer struct {
	at  time.Time
	mac string
	// gratuitous tells everybody, not only who asked.
	gratuitous bool
}

// freshClients lets them ask until the end of the test or halt.
func freshClients(t *testing.T, h *lab.Host, address netip.Addr) *fresh {
	t.Helper()
	f := &fresh{stop: make(chan struct{})}
	var request []byte
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		p, err := arp.NewPacket(arp.OperationRequest, ifi.HardwareAddr, h.Addresses()[0].Addr(), make(net.HardwareAddr, 6), address)
		if err != nil {
			return err
		}
		if request, err = p.MarshalBinary(); err != nil {
			return err
		}
		f.conn, err = packet.Listen(ifi, packet.Datagram, unix.ETH_P_ARP, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f.done.Go(func() { f.read(address) })
	f.done.Go(func() { f.ask(request) })
	t.Cleanup(func() {
		f.halt()
		f.conn.Close()
		f.done.Wait()
	})
	return f
}

func (f *fresh) ask(request []byte) {
	everybody := &packet.Addr{HardwareAddr: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
		}
		f.mu.Lock()
		f.asked = append(f.asked, time.Now())
		f.mu.Unlock()
		_, _ = f.conn.WriteTo(request, everybody) // a client that cannot ask learns nothing
	}
}

func (f *fresh) read(address netip.Addr) {
	for buf := make([]byte, 256); ; {
		n, _, err := f.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var p arp.Packet
		if p.UnmarshalBinary(buf[:n]) != nil || p.SenderIP != address {
			continue
		}
		f.mu.Lock()
		f.answers = append(f.answers, answer{time.Now(), p.SenderHardwareAddr.String(), p.SenderIP == p.TargetIP})
		f.mu.Unlock()
	}
}

// halt ends the asking; announcements are heard on.
func (f *fresh) halt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.stop:
	default:
		close(f.stop)
	}
}

// misled counts the clients that believe the address to be at a MAC address:
// each took the first answer to its question and then what was announced, as
// Linux does.
func (f *fresh) misled(mac string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range f.asked {
		believes := ""
		for _, a := range f.answers {
			if a.at.After(at) && (believes == "" || a.gratuitous) {
				believes = a.mac
			}
		}
		if believes == mac {
			n++
		}
	}
	return n
}

// size is how many clients asked.
func (f *fresh) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}
