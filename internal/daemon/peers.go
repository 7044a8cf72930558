package daemon

import (
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

// add remembers one router, durably.
func (m *peerMemory) add(id vrrp.RouterID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.ids, id) {
		return nil
	}
	m.ids = append(m.ids, id)
	return writeState(m.path, m.ids, 0o644)
}
