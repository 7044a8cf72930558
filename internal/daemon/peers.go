package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/vipd/vipd/vrrp"
)

// peerMemory remembers across boots on which virtual routers another router
// was ever heard: where nobody else can take over, an address is better held
// without a lease.
type peerMemory struct {
	mu   sync.Mutex
	path string
	ids  []vrrp.RouterID
}

// openPeerMemory reads the memory. It returns one also with an error: a damaged
// file costs a reminder, the peers will be heard again.
func openPeerMemory(stateDir string) (*peerMemory, error) {
	m := &peerMemory{path: filepath.Join(stateDir, "peers.json")}
	if err := readState(m.path, &m.ids); err != nil {
		m.ids = nil
		return m, fmt.Errorf("peers heard so far are forgotten: %w", err)
	}
	return m, nil
}

func (m *peerMemory) list() []vrrp.RouterID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.ids)
}

// add remembers one router and reports whether it is a new one; save makes it
// last.
func (m *peerMemory) add(id vrrp.RouterID) (news bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.ids, id) {
		return false
	}
	m.ids = append(m.ids, id)
	return true
}

// save writes the memory, durably. One goroutine alone may call it.
func (m *peerMemory) save() error { return writeState(m.path, m.list(), 0o644) }

// peerHeard remembers a router on which another one was heard for the first
// time. The files are left to keepPeers: at the first start of hundreds of
// instances the roles' next notices would wait for as many writes.
func (s *supervisor) peerHeard(id vrrp.RouterID) {
	if !s.peers.add(id) {
		return
	}
	select {
	case s.heard <- struct{}{}:
	default:
	}
}

// keepPeers writes down who was heard, until ctx ends.
func (s *supervisor) keepPeers(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.heard:
		}
		if err := s.peers.save(); err != nil {
			s.warn("state", "remember peer: "+err.Error(), nil)
		}
		s.keepRouters() // there is somebody to hand over to
	}
}
