package probe

import (
	"net/netip"
	"sync"
	"time"
)

// keptConns holds idle connections between probes of one check, at most one
// per target and destination. A nil *keptConns keeps nothing.
type keptConns struct {
	mu    sync.Mutex
	conns map[keptKey]keptConn
}

type keptKey struct {
	target netip.AddrPort
	port   uint16
	secure bool
}

// keptConn is an idle connection, and what ends it when no probe comes for it:
// its target may have left the configuration, and nobody else would notice that
// the server has closed.
type keptConn struct {
	*webConn
	expiry *time.Timer
}

// maxKept bounds the idle descriptors of one check.
const maxKept = 4096

func newKeptConns() *keptConns { return &keptConns{conns: map[keptKey]keptConn{}} }

// take returns an idle connection and forgets it; nil when there is none.
func (k *keptConns) take(target netip.AddrPort, r request) *webConn {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := keptKey{target, r.port, r.secure}
	c, ok := k.conns[key]
	if !ok {
		return nil
	}
	c.expiry.Stop()
	delete(k.conns, key)
	return c.webConn
}

// put keeps a connection for a time; another one to the same place is closed.
func (k *keptConns) put(target netip.AddrPort, r request, c *webConn, idle time.Duration) {
	key := keptKey{target, r.port, r.secure}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(key)
	if len(k.conns) >= maxKept {
		for other := range k.conns {
			k.drop(other)
			break
		}
	}
	k.conns[key] = keptConn{c, time.AfterFunc(idle, func() { k.expire(key, c) })}
}

// drop closes an idle connection, if there is one. Call with the mutex held.
func (k *keptConns) drop(key keptKey) {
	if c, ok := k.conns[key]; ok {
		c.expiry.Stop()
		c.Close()
		delete(k.conns, key)
	}
}

// expire drops c, unless a probe has it.
func (k *keptConns) expire(key keptKey, c *webConn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conns[key].webConn == c {
		k.drop(key)
	}
}
