package storm

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// settled is how long no master must have changed for all to be settled.
const settled = 2 * time.Second

// gaps measures the time between two adverts of each virtual router.
type gaps struct {
	packets *lab.Stamped

	mu     sync.Mutex
	last   map[uint8]spoken
	latest time.Time // of all
	seen
}

// spoken is the last advert of a virtual router.
type spoken struct {
	at  time.Time
	src netip.Addr
}

// seen is what passed in some time.
type seen struct {
	adverts int
	// largest is the longest time between two adverts of one virtual router.
	largest time.Duration
	// changes counts the adverts of another master than the one before.
	changes int
	// changed is when the last of them came, takeover how long after the last
	// advert of the one before.
	changed  time.Time
	takeover time.Duration
}

// watchGaps measures the adverts of IPv4 routers that pass an interface.
func watchGaps(tb lab.TB, h *lab.Host, iface string) *gaps {
	tb.Helper()
	g := &gaps{last: make(map[uint8]spoken)}
	err := h.Do(func() (err error) {
		g.packets, err = lab.OpenStamped(iface, g.note)
		return err
	})
	if err != nil {
		tb.Fatalf("watch adverts: %v", err)
	}
	tb.Cleanup(g.packets.Close)
	return g
}

func (g *gaps) note(packet []byte, at time.Time) {
	const header, protocolVRRP = 20, 112
	if len(packet) < header+8 || packet[9] != protocolVRRP {
		return
	}
	vrid, src := packet[header+1], netip.AddrFrom4([4]byte(packet[12:16]))
	g.mu.Lock()
	defer g.mu.Unlock()
	last, known := g.last[vrid]
	if known {
		g.largest = max(g.largest, at.Sub(last.at))
	}
	if last.src != src {
		g.changes++
		g.changed, g.takeover = at, at.Sub(last.at)
	}
	g.last[vrid], g.latest = spoken{at, src}, at
	g.adverts++
}

// since returns what was seen since the last call and begins anew; the last
// advert of each virtual router stays known.
func (g *gaps) since() seen {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.seen
	g.seen = seen{}
	return s
}

// caughtUp returns nil when everything up to a time was read: on a busy machine
// the reader is behind.
func (g *gaps) caughtUp(with time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if behind := with.Sub(g.latest); behind > 0 {
		return fmt.Errorf("the last advert read is %v older", behind)
	}
	return nil
}

// owns returns nil when the address is master of that many virtual routers, of
// all that were heard, and has been for a while.
func (g *gaps) owns(master netip.Addr, routers int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	owned := 0
	for _, last := range g.last {
		if last.src == master {
			owned++
		}
	}
	if owned != routers || len(g.last) != routers {
		return fmt.Errorf("%s is master of %d of %d that were heard, want %d", master, owned, len(g.last), routers)
	}
	if steady := time.Since(g.changed); steady < settled {
		return fmt.Errorf("the last change of a master was %v ago", steady)
	}
	return nil
}
