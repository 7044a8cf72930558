package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

func openPeerMemory(stateDir string) (*peerMemory, error) {
	m := &peerMemory{path: filepath.Join(stateDir, "peers.json")}
	b, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read peer memory: %w", err)
	}
	// A damaged file costs a reminder, not the start: the peers will be heard
	// again.
	if json.Unmarshal(b, &m.ids) != nil {
		m.ids = nil
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
	b, err := json.Marshal(m.ids)
	if err != nil {
		return fmt.Errorf("encode peer memory: %w", err)
	}
	return writeFile(m.path, b)
}
