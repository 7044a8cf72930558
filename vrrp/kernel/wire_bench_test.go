package kernel

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/vipd/vipd/vrrp"
)

// BenchmarkTryReceive is what a look for packets costs when there are none, by
// the number of sockets: each virtual MAC address has its own.
func BenchmarkTryReceive(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("raw sockets need root")
	}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 16, 255} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWire()
			defer w.close()
			for range n {
				at := socketPlace{iface: "lo", family: vrrp.IPv4}
				rx, err := newReceiver(lo, at, nil, w.ready)
				if err != nil {
					b.Fatal(err)
				}
				tx, err := newTransmitter(lo, at)
				if err != nil {
					b.Fatal(err)
				}
				w.ports = append(w.ports, &port{socketPlace: at, rx: rx, tx: tx})
			}
			w.many.follow(w.ports)
			var p vrrp.Received
			for b.Loop() {
				if w.TryReceive(&p) {
					b.Fatal("there was a packet")
				}
			}
		})
	}
}
