package daemon

import (
	"fmt"
	"path/filepath"

	"github.com/vipd/vipd/vrrp"
)

// knownRouters is what carrying out the last will of a daemon takes: the routers
// as they were configured, with their keys.
type knownRouters struct {
	Routers   []vrrp.Config   `json:"routers"`
	PeerHeard []vrrp.RouterID `json:"peer_heard"`
}

// knownRoutersFile is in the runtime directory, for root only.
const knownRoutersFile = "routers.json"

func saveKnownRouters(runtimeDir string, k knownRouters) error {
	return writeState(filepath.Join(runtimeDir, knownRoutersFile), k, 0o600)
}

// loadKnownRouters reads the file; without one there is nobody to speak for.
func loadKnownRouters(runtimeDir string) (k knownRouters, err error) {
	if err := readState(filepath.Join(runtimeDir, knownRoutersFile), &k); err != nil {
		return knownRouters{}, fmt.Errorf("read routers: %w", err)
	}
	return k, nil
}

func (k knownRouters) heard() map[vrrp.RouterID]bool {
	heard := make(map[vrrp.RouterID]bool, len(k.PeerHeard))
	for _, id := range k.PeerHeard {
		heard[id] = true
	}
	return heard
}
