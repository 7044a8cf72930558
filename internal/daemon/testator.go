package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vipd/vipd/vrrp"
)

// testator is what carrying out the last will of a daemon takes: the routers
// as they were configured, with their keys.
type testator struct {
	Routers   []vrrp.Config   `json:"routers"`
	PeerHeard []vrrp.RouterID `json:"peer_heard"`
}

// testatorFile is in the runtime directory, for root only.
const testatorFile = "routers.json"

// saveTestator replaces the file in one step.
func saveTestator(runtimeDir string, t testator) error {
	b, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode routers: %w", err)
	}
	return writeFileMode(filepath.Join(runtimeDir, testatorFile), b, 0o600)
}

// loadTestator reads the file; without one there is nobody to speak for.
func loadTestator(runtimeDir string) (t testator, err error) {
	b, err := os.ReadFile(filepath.Join(runtimeDir, testatorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, fmt.Errorf("read routers: %w", err)
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return t, fmt.Errorf("read routers: %w", err)
	}
	return t, nil
}

func (t testator) heard() map[vrrp.RouterID]bool {
	heard := make(map[vrrp.RouterID]bool, len(t.PeerHeard))
	for _, id := range t.PeerHeard {
		heard[id] = true
	}
	return heard
}
