package probe

import (
	"net/netip"
	"sync"
)

// keptConns holds idle connections between probes of one check, at most one
// per target and destination. A nil *keptConns keeps nothing.
type keptConns struct {
	mu    sync.Mutex
	conns map[keptKey]*webConn
}

type keptKey struct {
	target netip.AddrPort
	port   uint16
	secure bool
}

// maxKept bounds the idle descriptors of one check; targets that left the
// configuration are among them until their server closes or they are evicted.
const maxKept = 4096

func newKeptConns() *keptConns { return &keptConns{conns: map[keptKey]*webConn{}} }

// take returns an idle connection and forgets it; nil when there is none.
func (k *keptConns) take(target netip.AddrPort, r request) *webConn {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := keptKey{target, r.port, r.secure}
	c := k.conns[key]
	delete(k.conns, key)
	return c
}

// put keeps a connection; another one to the same place is closed.
func (k *keptConns) put(target netip.AddrPort, r request, c *webConn) {
	key := keptKey{target, r.port, r.secure}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.conns[key]; old != nil {
		old.Close()
	}
	if len(k.conns) >= maxKept {
		for other, victim := range k.conns {
			victim.Close()
			delete(k.conns, other)
			break
		}
	}
	k.conns[key] = c
}
