package main

import (
	"sync"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// interval is how often adverts are to be sent.
const interval = 100 * time.Millisecond

// adverts measures the longest time between two adverts.
type adverts struct {
	packets *lab.Stamped

	mu      sync.Mutex
	from    time.Time // what was sent before does not count
	last    time.Time
	largest time.Duration
}

func watchAdverts(iface string) (*adverts, error) {
	a := &adverts{}
	var err error
	a.packets, err = lab.OpenStamped(iface, a.note)
	return a, err
}

func (a *adverts) close() { a.packets.Close() }

// note takes the adverts out of all packets, but the last ones of a master.
func (a *adverts) note(packet []byte, at time.Time) {
	const header, protocolVRRP, priority = 20, 112, 2
	if len(packet) < header+8 || packet[9] != protocolVRRP || packet[header+priority] == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if at.Before(a.from) {
		return
	}
	if !a.last.IsZero() {
		a.largest = max(a.largest, at.Sub(a.last))
	}
	a.last = at
}

// forget makes the next advert the first.
func (a *adverts) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from, a.last, a.largest = time.Now(), time.Time{}, 0
}

// since returns the longest time since the last call; 0 = there were no two.
func (a *adverts) since() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.largest
	a.largest = 0
	return d
}
